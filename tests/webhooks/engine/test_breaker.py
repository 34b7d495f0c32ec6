"""The circuit breaker: in recording transactions, in the claim, and through a real engine against a real receiver."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.utils import timezone

from analytics.models import WebhookCall
from analytics.recording import CallRecord
from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.engine_process import RunningEngine, drain, running_engine, wait_until
from tests.receiver import Receiver
from tests.webhooks.engine.conftest import MakeWebhook
from tests.webhooks.engine.queue_rows import enqueue, leased
from tests.webhooks.webhook_steps import activity, update
from webhooks.engine.claim import Claimer
from webhooks.engine.database import engine_cursor
from webhooks.engine.health import Consequences, record_health
from webhooks.engine.record import record_outcomes
from webhooks.engine.senders import Attempted
from webhooks.engine.webhook_targets import Targets
from webhooks.models import Delivery, Due, Webhook, WebhookRuntime
from webhooks.policy import Decision, Next
from webhooks.services.breaker import reset_breaker
from webhooks.services.calls import call_webhook

ENGINE = uuid7()
DOWN: dict[str, Any] = {"status_code": 503, "error_kind": "status"}
TIMEOUT: dict[str, Any] = {"error_kind": "timeout"}
NOT_FOUND: dict[str, Any] = {"status_code": 404, "error_kind": "status"}
SUCCESS: dict[str, Any] = {"status_code": 200, "success": True}


def attempted(webhook: Webhook, **call: Any) -> Attempted:
    claimed = leased(webhook, ENGINE)
    fields: dict[str, Any] = {"success": False, "timestamp": datetime.now(UTC), **call}
    record = CallRecord(
        tenant_id=claimed.tenant_id,
        target_id=claimed.target_id,
        workflow_name="hook",
        delivery_id=claimed.delivery_id,
        event_id=claimed.event_id,
        attempt=1,
        is_final=fields["success"],
        response_time_ms=1,
        **fields,
    )
    again = Decision(Next.RETRYING, delay=600.0)
    return Attempted(claimed, record, Decision(Next.SUCCEEDED) if fields["success"] else again)


def record(webhook: Webhook, *calls: dict[str, Any]) -> Consequences:
    Targets().look_up([webhook.id])  # as for every claim: the webhook's rows exist from now on
    return record_outcomes(ENGINE, [attempted(webhook, **call) for call in calls])


def runtime(webhook: Webhook) -> WebhookRuntime:
    return WebhookRuntime.objects.get(webhook_id=webhook.id)


def set_breaker(webhook: Webhook, *, open_for: float) -> None:
    """Make it open for so many seconds more; half open when negative."""
    Targets().look_up([webhook.id])
    until = timezone.now() + timedelta(seconds=open_for)
    WebhookRuntime.objects.filter(webhook_id=webhook.id).update(
        consecutive_failures=10, breaker_opened_count=1, breaker_open_until=until, failing_since=timezone.now()
    )


# --- Recording ------------------------------------------------------------------------------------------------------


def test_ten_failures_in_a_row_open_the_breaker_over_several_batches(webhook: Webhook) -> None:
    assert record(webhook, *[DOWN] * 4, *[TIMEOUT] * 5) == Consequences()
    assert (runtime(webhook).consecutive_failures, runtime(webhook).breaker_open_until) == (9, None)
    before = timezone.now()

    assert record(webhook, DOWN) == Consequences(open=frozenset({webhook.id}))

    row = runtime(webhook)
    assert (row.consecutive_failures, row.breaker_opened_count) == (10, 1)
    assert row.breaker_open_until is not None
    assert before < row.breaker_open_until - timedelta(seconds=29) < timezone.now() + timedelta(seconds=1)


def test_an_answer_in_between_begins_the_row_anew(webhook: Webhook) -> None:
    record(webhook, *[DOWN] * 9, SUCCESS, *[DOWN] * 9, NOT_FOUND, DOWN)
    assert runtime(webhook).consecutive_failures == 1


def test_a_success_closes_the_breaker_and_forgets_everything(webhook: Webhook) -> None:
    set_breaker(webhook, open_for=-1)

    assert record(webhook, SUCCESS) == Consequences()

    row = runtime(webhook)
    assert (row.consecutive_failures, row.breaker_opened_count, row.breaker_open_until, row.failing_since) == (
        *(0, 0, None, None),
    )


def test_a_failed_probe_opens_it_for_twice_as_long(webhook: Webhook) -> None:
    set_breaker(webhook, open_for=-1)

    assert record(webhook, DOWN).open == {webhook.id}

    row = runtime(webhook)
    assert row.breaker_opened_count == 2
    assert row.breaker_open_until is not None
    assert 58 < (row.breaker_open_until - timezone.now()).total_seconds() < 61


def test_an_attempt_without_lease_counts_all_the_same(webhook: Webhook) -> None:
    outcome = attempted(webhook, **DOWN)
    Targets().look_up([webhook.id])
    Due.objects.update(lease_by=uuid7())
    record_outcomes(ENGINE, [outcome])
    assert runtime(webhook).consecutive_failures == 1


def test_each_webhook_has_its_own_breaker(webhook: Webhook, make_webhook: MakeWebhook) -> None:
    other = make_webhook("other")
    for each in (webhook, other):
        Targets().look_up([each.id])
    outcomes = [attempted(each, **call) for each, call in [(webhook, DOWN), (other, SUCCESS)] * 10]

    assert record_outcomes(ENGINE, outcomes).open == {webhook.id}
    assert runtime(other).consecutive_failures == 0


class CountingCursor:
    def __init__(self, cursor: Any) -> None:
        self.statements = 0
        self._cursor = cursor

    def execute(self, *args: Any) -> None:
        self.statements += 1
        self._cursor.execute(*args)

    def fetchall(self) -> list[Any]:
        return list(self._cursor.fetchall())


def statements(webhook: Webhook, call: dict[str, Any], *, has_history: bool) -> int:
    """Return how many statements it takes to record what this call says."""
    calls = {webhook.id: [attempted(webhook, **call).call]}
    with transaction.atomic(), engine_cursor() as cursor:
        counting = CountingCursor(cursor)
        record_health(counting, calls, with_history=[webhook.id] if has_history else [])
    return counting.statements


def test_only_failures_and_a_success_after_failures_take_statements(webhook: Webhook) -> None:
    Targets().look_up([webhook.id])
    assert statements(webhook, SUCCESS, has_history=False) == 0
    assert statements(webhook, DOWN, has_history=False) == 2
    assert statements(webhook, SUCCESS, has_history=True) == 2
    assert statements(webhook, NOT_FOUND, has_history=False) == 2
    assert statements(webhook, NOT_FOUND, has_history=True) == 1  # nothing changes


def test_failures_of_a_deleted_webhook_are_no_trouble(webhook: Webhook) -> None:
    outcome = attempted(webhook, **DOWN)
    WebhookRuntime.objects.all().delete()
    assert record_outcomes(ENGINE, [outcome]) == Consequences()
    assert WebhookCall.objects.count() == 1


# --- Claiming -------------------------------------------------------------------------------------------------------


def claim(engines: int = 1) -> list[UUID]:
    return [row.delivery_id for row in Claimer(uuid7()).claim(rows=256, engines=engines, held={})]


def test_claim_takes_nothing_while_the_breaker_is_open(webhook: Webhook, make_webhook: MakeWebhook) -> None:
    other = make_webhook("other")
    enqueue(webhook.tenant_id, webhook.id, count=5)
    of_other = enqueue(other.tenant_id, other.id, count=2)
    set_breaker(webhook, open_for=30)
    assert claim() == of_other


@pytest.mark.parametrize("engines", [1, 40])
def test_claim_takes_one_probe_over_all_engines_while_it_is_half_open(webhook: Webhook, engines: int) -> None:
    first, *_ = enqueue(webhook.tenant_id, webhook.id, count=5)
    set_breaker(webhook, open_for=-1)
    assert claim(engines) == [first]
    assert claim(engines) == []
    Due.objects.update(lease_by=None)
    assert claim(engines) == [first]


# --- Through the engine ---------------------------------------------------------------------------------------------


def test_deliveries_wait_behind_an_open_breaker_and_go_on_after_a_probe(
    make_webhook: MakeWebhook, receiver: Receiver
) -> None:
    webhook = make_webhook("down", max_concurrency=1, retry_schedule="durable")
    receiver.answer("/down", status=500)
    # All are claimed at once: what waits in the engine when the breaker opens goes back, too.
    sent = [call_webhook(webhook, {"n": n}).delivery_id for n in range(60)]
    with running_engine():
        row = wait_until(
            lambda: WebhookRuntime.objects.filter(webhook_id=webhook.id, breaker_open_until__isnull=False).first()
        )
        wait_until(lambda: not Due.objects.exclude(lease_by=None).exists())
        arrived = len(receiver.requests)
        assert 10 <= arrived < 60
        untouched = Due.objects.filter(attempt=0)
        assert untouched.count() >= 60 - arrived
        assert (row.breaker_opened_count, runtime(webhook).breaker_opened_count) == (1, 1)

        receiver.answer("/down", delay=0.3)
        WebhookRuntime.objects.update(breaker_open_until=timezone.now())
        receiver.wait_for(arrived + 1)
        assert Due.objects.exclude(lease_by=None).count() == 1  # the probe, alone
        wait_until(lambda: runtime(webhook).breaker_open_until is None)
        receiver.answer("/down")
        Due.objects.update(due_at=timezone.now())
        drain()

    assert set(Delivery.objects.filter(id__in=sent).values_list("state", flat=True)) == {"succeeded"}
    assert max(Delivery.objects.values_list("attempts", flat=True)) <= 3


def test_what_the_engine_holds_is_given_back_when_the_breaker_opens(
    engine: RunningEngine, make_webhook: MakeWebhook, receiver: Receiver
) -> None:
    webhook = make_webhook("slow", max_concurrency=2, retry_schedule="durable")
    receiver.answer("/slow", status=500, delay=0.4)
    for number in range(40):
        call_webhook(webhook, {"n": number})
    row = wait_until(
        lambda: WebhookRuntime.objects.filter(webhook_id=webhook.id, breaker_open_until__isnull=False).first()
    )
    opened_at = row.breaker_open_until - timedelta(seconds=30)
    wait_until(lambda: not Due.objects.exclude(lease_by=None).exists())

    # It held eight; what was not on the wire was not sent.
    late = [call for call in WebhookCall.objects.all() if call.timestamp > opened_at + timedelta(seconds=0.5)]
    assert late == []
    assert Due.objects.filter(attempt=0).count() >= 40 - 16


def test_a_second_engine_sees_the_breaker(
    engine: RunningEngine, webhook: Webhook, receiver: Receiver, make_webhook: MakeWebhook
) -> None:
    other = make_webhook("other")
    set_breaker(webhook, open_for=60)
    with running_engine():
        waiting = call_webhook(webhook, {}).delivery_id
        for number in range(10):
            call_webhook(other, {"n": number})
        wait_until(lambda: Due.objects.count() == 1)
    assert receiver.to("/hook") == []
    assert (Due.objects.get().delivery_id, Due.objects.get().attempt) == (waiting, 0)


def test_reset_sends_what_waits(
    engine: RunningEngine, webhook: Webhook, receiver: Receiver, admin_actor: Actor, tenant: Tenant
) -> None:
    set_breaker(webhook, open_for=600)
    call_webhook(webhook, {})

    assert reset_breaker(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)

    receiver.wait_for(1)
    drain()
    assert activity(tenant)[-1] == ("webhook.breaker_reset", "hook", [])
    assert not reset_breaker(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    assert len(activity(tenant)) == 2


@pytest.mark.parametrize("change", [{"url": "https://other.example.com/"}, {"description": "New"}])
def test_another_address_begins_with_a_closed_breaker(
    webhook: Webhook, admin_actor: Actor, change: dict[str, str]
) -> None:
    set_breaker(webhook, open_for=600)
    update(webhook, admin_actor, **change)
    assert (runtime(webhook).breaker_open_until is None) == ("url" in change)
