"""What the engine does when it is stopped, cut off or surprised: nothing accepted is lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from analytics.models import WebhookCall
from integrations.ids import uuid7
from tests.engine_process import RunningEngine, drain, running_engine, wait_until
from tests.receiver import Receiver
from tests.webhooks.engine.conftest import MakeWebhook
from tests.webhooks.engine.queue_rows import enqueue
from webhooks.engine import limits, recording_loop
from webhooks.engine.health import Consequences
from webhooks.engine.senders import Attempted, Claimed, Job
from webhooks.engine.senders import Outcome as RowOutcome
from webhooks.engine.webhook_sender import WebhookSender
from webhooks.models import Delivery, Due, Engine, Webhook
from webhooks.services.calls import call_webhook


def test_stopping_waits_for_what_is_on_the_wire_and_gives_the_rest_back(
    make_webhook: MakeWebhook, receiver: Receiver
) -> None:
    webhook = make_webhook("slow", max_concurrency=1)
    receiver.answer("/slow", delay=0.5)
    for number in range(3):
        call_webhook(webhook, {"n": number})
    with running_engine(grace_seconds=10) as engine:
        receiver.wait_for(1)
        engine.stop()

    assert len(receiver.requests) == 1
    (call,) = WebhookCall.objects.all()
    assert call.success
    assert Due.objects.filter(lease_by=None, attempt=0).count() == 2
    assert not Engine.objects.exists()


def test_stopping_cuts_off_after_the_grace_and_the_delivery_is_sent_again(webhook: Webhook, receiver: Receiver) -> None:
    receiver.answer("/hook", delay=30, times=1)
    call_webhook(webhook, {})
    with running_engine(grace_seconds=0.2) as engine:
        receiver.wait_for(1)
        started = time.monotonic()
        engine.stop()

    assert time.monotonic() - started < 5
    (call,) = WebhookCall.objects.all()
    assert (call.error_kind, call.is_final, call.success, call.attempt) == ("interrupted", False, False, 1)
    due = Due.objects.get()
    assert (due.lease_by, due.attempt) == (None, 0)
    assert due.due_at <= timezone.now()
    with running_engine():
        drain()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert Delivery.objects.get().state == "succeeded"


def test_rows_of_an_engine_that_died_are_sent_by_another(webhook: Webhook, receiver: Receiver) -> None:
    (delivery_id,) = enqueue(webhook.tenant_id, webhook.id, lease_by=uuid7(), leased_at=timezone.now())

    with running_engine():
        drain()

    assert receiver.requests[0].headers["webhook-id"] == str(delivery_id)


def terminate_connections() -> int:
    """End all connections to this database but our own, as a restart of PostgreSQL does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


def test_losing_the_database_loses_nothing_and_records_each_call_once(
    engine: RunningEngine, make_webhook: MakeWebhook, receiver: Receiver
) -> None:
    webhooks = [make_webhook(f"hook-{number}", max_concurrency=1) for number in range(3)]
    for number in range(3):
        receiver.answer(f"/hook-{number}", delay=0.1)
    accepted = [call_webhook(webhook, {"n": n}).delivery_id for n in range(20) for webhook in webhooks]
    for count in (1, 15, 30):
        receiver.wait_for(count)
        assert terminate_connections() >= 1
    drain()

    assert set(Delivery.objects.values_list("state", flat=True)) == {"succeeded"}
    finals = list(WebhookCall.objects.filter(is_final=True).values_list("delivery_id", flat=True))
    assert sorted(finals) == sorted(accepted)
    assert len(receiver.requests) == len(accepted)


def test_the_answer_to_a_claim_that_was_lost_leaves_no_row_behind(
    webhook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The claim is committed, and the connection breaks before anybody has read its answer."""
    prepare = WebhookSender.prepare
    broken: list[Sequence[Claimed]] = []

    def breaks_once(self: WebhookSender, rows: Sequence[Claimed]) -> list[Job | RowOutcome]:
        if not broken:
            broken.append(rows)
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return prepare(self, rows)

    monkeypatch.setattr(WebhookSender, "prepare", breaks_once)
    monkeypatch.setattr(limits, "RECONCILE_SECONDS", 1000.0)
    call_webhook(webhook, {})
    with running_engine():
        drain()

    assert len(broken[0]) == 1
    assert len(receiver.requests) == 1


def test_outcomes_are_kept_while_they_cannot_be_recorded(
    webhook: Webhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    record = recording_loop.record_outcomes
    tries: list[int] = []

    def fails_at_first(engine_id: Any, outcomes: Sequence[RowOutcome], **options: Any) -> Consequences:
        tries.append(len(outcomes))
        if len(tries) <= 2:
            raise OperationalError("the connection is lost")
        return record(engine_id, outcomes, **options)

    monkeypatch.setattr(recording_loop, "record_outcomes", fails_at_first)
    with running_engine():
        call_webhook(webhook, {})
        drain()

    assert tries == [1, 1, 1]
    assert len(receiver.requests) == 1
    assert WebhookCall.objects.get().success


def test_a_fault_of_the_sender_postpones_the_delivery_and_stops_nothing_else(
    make_webhook: MakeWebhook, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    class FaultySender(WebhookSender):
        async def send(self, job: Job) -> Attempted:
            if b"poison" in job.body:  # type: ignore[attr-defined]
                raise ZeroDivisionError
            return await super().send(job)

    webhook = make_webhook("hook")
    poisoned = call_webhook(webhook, {"poison": 1})
    call_webhook(webhook, {"good": 1})
    with running_engine({"webhook": FaultySender()}):
        receiver.wait_for(1)
        due = wait_until(lambda: Due.objects.filter(delivery_id=poisoned.delivery_id, lease_by=None).first())

    assert due.attempt == 0
    assert (due.due_at - datetime.now(UTC)).total_seconds() > limits.FAULT_DELAY_SECONDS / 2
    assert [request.json() for request in receiver.requests] == [{"good": 1}]
    assert "delivery_fault" in caplog.text


def test_rows_of_a_kind_that_this_engine_does_not_know_are_left_to_others(webhook: Webhook, receiver: Receiver) -> None:
    (unknown,) = enqueue(webhook.tenant_id, uuid7(), target_kind="pigeon")
    with running_engine():
        call_webhook(webhook, {})
        receiver.wait_for(1)
        due = wait_until(lambda: Due.objects.filter(delivery_id=unknown, lease_by=None, due_at__gt=timezone.now()))

    assert due.get().attempt == 0


def test_an_engine_that_was_silent_for_too_long_sends_nothing_more_before_its_next_heartbeat(
    make_webhook: MakeWebhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook = make_webhook("slow", max_concurrency=1)
    receiver.answer("/slow", delay=0.3)
    with running_engine() as engine:
        for number in range(3):
            call_webhook(webhook, {"n": number})
        receiver.wait_for(1)
        monkeypatch.setattr(engine.engine, "_has_sure_leases", lambda: False)
        wait_until(lambda: WebhookCall.objects.count() == 1)
        assert len(receiver.requests) == 1
        monkeypatch.undo()
        drain()

    assert len(receiver.requests) == 3


def test_no_more_is_leased_than_the_engine_can_remember(
    make_webhook: MakeWebhook, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_LEASED", 10)
    monkeypatch.setattr(limits, "MAX_IN_FLIGHT", 3)
    webhook = make_webhook("hanging")
    receiver.answer("/hanging", delay=1)
    enqueue(webhook.tenant_id, webhook.id, count=30)
    with running_engine():
        receiver.wait_for(3)
        assert len(receiver.requests) == 3
        wait_until(lambda: Due.objects.exclude(lease_by=None).count() == 10)
        receiver.wait_for(4)
        assert Due.objects.exclude(lease_by=None).count() <= 10
