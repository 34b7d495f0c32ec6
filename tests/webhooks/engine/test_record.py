from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import connection, transaction
from django.utils import timezone

from analytics.models import HourlyRollup, WebhookCall
from analytics.recording import CallRecord
from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.webhooks.engine.queue_rows import leased
from webhooks.engine import record
from webhooks.engine.record import record_outcomes
from webhooks.engine.senders import Attempted, Claimed, Dropped, Outcome, Postponed, Withheld
from webhooks.engine.webhook_targets import Targets
from webhooks.models import Delivery, Due, Webhook, WebhookStats
from webhooks.policy import Decision, Next
from webhooks.services.webhooks import create_webhook

ENGINE = uuid7()
SUCCEEDED = Decision(Next.SUCCEEDED)
FAILED = Decision(Next.FAILED)


@pytest.fixture
def webhook(tenant: Tenant, admin_actor: Actor) -> Webhook:
    webhook = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="hook", url="https://example.com/")
    Targets().look_up([webhook.id])  # as for every claim: totals belong to it from now on
    return webhook


def attempted(claimed: Claimed, decision: Decision = SUCCEEDED, **call: Any) -> Attempted:
    fields: dict[str, Any] = {
        "tenant_id": claimed.tenant_id,
        "target_id": claimed.target_id,
        "workflow_name": "hook",
        "delivery_id": claimed.delivery_id,
        "event_id": claimed.event_id,
        "attempt": claimed.attempt + 1,
        "is_final": decision.is_final,
        "success": decision.next is Next.SUCCEEDED,
        "status_code": 200 if decision.next is Next.SUCCEEDED else 500,
        "response_time_ms": 12,
        "timestamp": datetime.now(UTC),
    }
    return Attempted(claimed, CallRecord(**{**fields, **call}), decision)


def delivery_of(claimed: Claimed) -> Delivery:
    return Delivery.objects.get(id=claimed.delivery_id)


def test_a_finished_delivery_leaves_the_queue_and_counts_once(webhook: Webhook) -> None:
    good, bad = leased(webhook, ENGINE), leased(webhook, ENGINE, attempt=3)

    record_outcomes(ENGINE, [attempted(good), attempted(bad, FAILED, error_message="The endpoint answered 500.")])

    assert not Due.objects.exists()
    first, second = delivery_of(good), delivery_of(bad)
    assert (first.state, first.attempts, first.last_status_code, first.last_error) == ("succeeded", 1, 200, "")
    assert (second.state, second.attempts, second.last_error) == ("failed", 4, "The endpoint answered 500.")
    assert first.finished_at is not None
    assert first.next_attempt_at is None
    assert WebhookCall.objects.filter(is_final=True).count() == 2
    stats = WebhookStats.objects.get(webhook_id=webhook.id)
    assert (stats.total_calls, stats.successful_calls, stats.failed_calls, stats.attempts) == (2, 1, 1, 2)
    assert stats.last_called_at == max(WebhookCall.objects.values_list("timestamp", flat=True))
    rollup = HourlyRollup.objects.get(target_id=webhook.id)
    assert (rollup.calls, rollup.succeeded, rollup.failed, rollup.attempts) == (2, 1, 1, 2)


def test_a_retry_stays_in_the_queue_and_does_not_count_as_a_call(webhook: Webhook) -> None:
    claimed = leased(webhook, ENGINE, attempt=1)
    before = timezone.now()

    record_outcomes(ENGINE, [attempted(claimed, Decision(Next.RETRYING, delay=120.0))])

    due = Due.objects.get()
    assert (due.attempt, due.lease_by, due.leased_at) == (2, None, None)
    assert before + timedelta(seconds=119) < due.due_at < timezone.now() + timedelta(seconds=121)
    delivery = delivery_of(claimed)
    assert (delivery.state, delivery.attempts, delivery.finished_at) == ("retrying", 2, None)
    assert delivery.next_attempt_at == due.due_at
    assert not WebhookCall.objects.get().is_final
    stats = WebhookStats.objects.get()
    assert (stats.total_calls, stats.failed_calls, stats.attempts) == (0, 0, 1)


def test_an_interrupted_attempt_is_recorded_and_costs_nothing(webhook: Webhook) -> None:
    claimed = leased(webhook, ENGINE, attempt=1)

    record_outcomes(ENGINE, [attempted(claimed, Decision(Next.RETRYING, delay=0.0, costs_attempt=False))])

    assert (Due.objects.get().attempt, delivery_of(claimed).attempts) == (1, 1)
    assert WebhookCall.objects.get().attempt == 2


def test_a_postponed_row_is_given_back_without_an_attempt(webhook: Webhook) -> None:
    now, later = leased(webhook, ENGINE), leased(webhook, ENGINE, attempt=2)

    record_outcomes(ENGINE, [Postponed(now), Postponed(later, delay=60.0)])

    assert not WebhookCall.objects.exists()
    rows = {row.delivery_id: row for row in Due.objects.all()}
    assert rows[now.delivery_id].due_at <= timezone.now()
    assert rows[later.delivery_id].due_at > timezone.now() + timedelta(seconds=55)
    assert [(row.attempt, row.lease_by) for row in (rows[now.delivery_id], rows[later.delivery_id])] == [
        (0, None),
        (2, None),
    ]
    assert delivery_of(later).state == "pending"


def test_a_dropped_delivery_is_cancelled(webhook: Webhook) -> None:
    claimed = leased(webhook, ENGINE)

    record_outcomes(ENGINE, [Dropped(claimed)])

    assert not Due.objects.exists()
    assert delivery_of(claimed).state == "cancelled"
    assert delivery_of(claimed).finished_at is not None


def test_a_withheld_delivery_is_held_while_its_webhook_is_disabled(webhook: Webhook) -> None:
    Webhook.objects.filter(id=webhook.id).update(is_active=False)
    claimed = leased(webhook, ENGINE, attempt=2)

    record_outcomes(ENGINE, [Withheld(claimed)])

    assert not Due.objects.exists()
    delivery = delivery_of(claimed)
    assert (delivery.state, delivery.attempts, delivery.finished_at) == ("held", 2, None)
    assert delivery.next_attempt_at is not None


def test_a_withheld_delivery_stays_in_the_queue_when_its_webhook_was_enabled_meanwhile(webhook: Webhook) -> None:
    claimed = leased(webhook, ENGINE)

    record_outcomes(ENGINE, [Withheld(claimed)])

    assert Due.objects.get().lease_by is None
    assert delivery_of(claimed).state == "pending"


@pytest.mark.parametrize("lost", ["released", "taken over", "gone"])
def test_an_outcome_whose_lease_was_lost_leaves_its_attempt_and_no_state(webhook: Webhook, lost: str) -> None:
    claimed, mine = leased(webhook, ENGINE), leased(webhook, ENGINE)
    rows = Due.objects.filter(delivery_id=claimed.delivery_id)
    other = uuid7() if lost == "taken over" else None
    rows.delete() if lost == "gone" else rows.update(lease_by=other)

    record_outcomes(ENGINE, [attempted(claimed), attempted(mine)])

    assert delivery_of(claimed).state == "pending"
    assert delivery_of(mine).state == "succeeded"
    assert rows.count() == (0 if lost == "gone" else 1)
    assert not WebhookCall.objects.get(delivery_id=claimed.delivery_id).is_final
    stats = WebhookStats.objects.get()
    assert (stats.total_calls, stats.attempts) == (1, 2)


def test_rows_without_lease_are_neither_postponed_nor_dropped_nor_held(webhook: Webhook) -> None:
    Webhook.objects.filter(id=webhook.id).update(is_active=False)
    other = uuid7()
    rows = [leased(webhook, other) for _ in range(3)]

    record_outcomes(ENGINE, [Postponed(rows[0]), Dropped(rows[1]), Withheld(rows[2])])

    assert Due.objects.filter(lease_by=other).count() == 3


def test_recording_again_leaves_out_what_is_stored(webhook: Webhook) -> None:
    first, second = attempted(leased(webhook, ENGINE)), attempted(leased(webhook, ENGINE))
    record_outcomes(ENGINE, [first])

    record_outcomes(ENGINE, [first, second], again=True)

    assert WebhookCall.objects.count() == 2
    assert WebhookStats.objects.get().total_calls == 2


@pytest.mark.parametrize(
    "poison",
    [
        {"response_body": "a\0b"},
        {"response_body": "\ud800"},
        {"error_message": "a\0b"},
        {"metadata": {"a": "\0"}},
        {"request_headers": {"a": "\0"}},
        {"request_headers": {"a": object()}},
        {"response_body": 7.5j},
    ],
)
def test_a_value_that_the_database_refuses_spoils_only_its_own_row(webhook: Webhook, poison: dict[str, Any]) -> None:
    outcomes: list[Outcome] = [attempted(leased(webhook, ENGINE), response_body="fine") for _ in range(4)]
    guilty = attempted(leased(webhook, ENGINE), **poison)
    outcomes.insert(2, guilty)

    record_outcomes(ENGINE, outcomes)

    assert not Due.objects.exists()
    assert set(Delivery.objects.values_list("state", flat=True)) == {"succeeded"}
    assert WebhookCall.objects.filter(response_body="fine").count() == 4
    spoiled = WebhookCall.objects.get(id=guilty.call.id)
    assert (spoiled.response_body, spoiled.metadata, spoiled.request_headers) == ("", {}, {})
    assert (spoiled.success, spoiled.is_final, spoiled.status_code) == (True, True, 200)
    assert "left out" in spoiled.error_message
    assert WebhookStats.objects.get().total_calls == 5


def test_a_failure_that_is_no_rows_fault_is_raised_and_stores_nothing(
    webhook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = attempted(leased(webhook, ENGINE))

    def deadlock(*_: Any) -> None:
        raise psycopg.errors.DeadlockDetected("deadlock detected")

    monkeypatch.setattr(record, "upsert_rollups", deadlock)
    with pytest.raises(psycopg.errors.DeadlockDetected):
        record_outcomes(ENGINE, [outcome])
    monkeypatch.undo()
    assert Due.objects.get().lease_by == ENGINE
    assert not WebhookCall.objects.exists()

    record_outcomes(ENGINE, [outcome], again=True)
    assert WebhookCall.objects.count() == 1


def test_a_deleted_webhook_keeps_its_calls_and_has_no_totals(webhook: Webhook) -> None:
    claimed = leased(webhook, ENGINE)
    WebhookStats.objects.all().delete()

    record_outcomes(ENGINE, [attempted(claimed)])

    assert WebhookCall.objects.count() == 1
    assert not WebhookStats.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_recorders_side_by_side_never_deadlock(tenant: Tenant, admin_actor: Actor) -> None:
    """Four recorders, each with rows of all webhooks in an order of its own."""
    webhooks = [
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name=f"hook-{number}", url="https://example.com/")
        for number in range(12)
    ]
    Targets().look_up([webhook.id for webhook in webhooks])
    failures: list[BaseException] = []
    barrier = threading.Barrier(4)

    def work(engine: UUID, order: list[Webhook]) -> None:
        try:
            for _ in range(6):
                with transaction.atomic():
                    batch = [attempted(leased(webhook, engine)) for webhook in order]
                barrier.wait(30)
                record_outcomes(engine, batch)
        except BaseException as error:  # noqa: BLE001  (shown below)
            failures.append(error)
            barrier.abort()
        finally:
            connection.close()

    threads = [
        threading.Thread(target=work, args=(uuid7(), webhooks[shift:] + webhooks[:shift])) for shift in (0, 3, 6, 9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert WebhookCall.objects.count() == 4 * 6 * 12
    assert {row.total_calls for row in WebhookStats.objects.all()} == {24}


def test_an_outcome_of_an_earlier_run_leaves_the_state_to_the_run_that_is_leased_now(webhook: Webhook) -> None:
    """Cancelled on the wire and sent again at once, a delivery is leased anew by the engine that still sends it."""
    again = leased(webhook, ENGINE, run=2)
    earlier = again._replace(run=1, attempt=3)

    record_outcomes(ENGINE, [attempted(earlier), Postponed(earlier, delay=60.0)])
    record_outcomes(ENGINE, [Withheld(earlier)])

    due = Due.objects.get()
    assert (due.lease_by, due.run, due.attempt) == (ENGINE, 2, 0)
    assert delivery_of(again).state == "pending"
    assert [call.is_final for call in WebhookCall.objects.all()] == [False]
    record_outcomes(ENGINE, [attempted(again)])
    assert (delivery_of(again).state, delivery_of(again).attempts) == ("succeeded", 1)
