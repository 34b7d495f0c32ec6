"""A message is never sent twice, whatever becomes of engines, leases and processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from analytics.models import WebhookCall
from integrations.ids import uuid7
from integrations.messaging import attempts
from integrations.messaging.models import Message
from integrations.messaging.services.statuses import apply_statuses
from integrations.models import Integration, Tenant
from integrations.providers.messaging import MessageState, StatusUpdate
from tests.engine_process import drain, running_engine, wait_until
from tests.integrations.messaging.carrier import use_carrier
from tests.message_steps import connect, now, send
from tests.receiver import Receiver
from webhooks.engine.claim import Claimer
from webhooks.engine.engine import Engine
from webhooks.engine.heartbeat import beat, release_silent
from webhooks.engine.message_sender import MessageLedger, MessageSender
from webhooks.engine.record import record_outcomes
from webhooks.engine.senders import Claimed, Doubtful, Ended, Job, Outcome, Postponed
from webhooks.models import Delivery, Due
from webhooks.models import Engine as EngineRow
from webhooks.policy import Next

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/messages"
LEDGERS = {"message": MessageLedger()}


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> Receiver:
    use_carrier(monkeypatch)
    receiver.answer(PATH, status=201, body={"sid": "SM1"})
    return receiver


@pytest.fixture
def integration(carrier: Receiver, tenant: Tenant) -> Integration:
    return connect(tenant, carrier.url("").rstrip("/"))


@pytest.fixture
def message(tenant: Tenant, integration: Integration) -> Message:
    return send(tenant)


def claimed(engine: UUID) -> list[Claimed]:
    beat(engine, 0)
    return Claimer(engine).claim(rows=100, engines=1, held={})


def sent_by(sender: MessageSender, rows: Sequence[Claimed]) -> list[Outcome]:
    """Prepare and send as an engine does, one after another."""
    return sent(sender, sender.prepare(rows))


def sent(sender: MessageSender, prepared: Sequence[Job | Outcome]) -> list[Outcome]:
    async def run() -> list[Outcome]:
        await sender.open()
        try:
            return [item if isinstance(item, Outcome) else await sender.send(item) for item in prepared]
        finally:
            await sender.close()

    return asyncio.run(run())


def record(engine: UUID, outcomes: Sequence[Outcome]) -> None:
    record_outcomes(engine, outcomes, ledgers=LEDGERS)


def state_of(message: Message) -> tuple[str, str]:
    return now(message).state, Delivery.objects.get(id=message.id).state


def lose_leases() -> None:
    EngineRow.objects.update(heartbeat_at=timezone.now() - timezone.timedelta(seconds=60))
    release_silent(parked_kinds=["message"], ledgers=LEDGERS)


def test_the_mark_is_given_once(message: Message) -> None:
    together = threading.Barrier(8)
    numbers: list[int | None] = []

    def ask() -> None:
        together.wait(10)
        numbers.append(attempts.begin(message.id))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(numbers, key=str) == [1] + [None] * 7
    assert (now(message).attempts, now(message).sending_since is not None) == (1, True)


@pytest.mark.parametrize("state", ["sent", "delivered", "read", "failed", "unknown"])
def test_what_is_over_gets_no_mark(message: Message, state: str) -> None:
    Message.objects.update(state=state)
    assert attempts.begin(message.id) is None
    assert attempts.begin(uuid7()) is None


def test_two_engines_that_both_hold_it_send_it_once(message: Message, carrier: Receiver) -> None:
    """One claimed it, fell silent before it sent, and woke up after another had claimed it."""
    slow, quick = uuid7(), uuid7()
    first = claimed(slow)
    lose_leases()
    second = claimed(quick)
    assert [row.delivery_id for row in first] == [row.delivery_id for row in second] == [message.id]
    sender = MessageSender()
    prepared = [sender.prepare(rows) for rows in (first, second)]

    by_quick = sent(MessageSender(), prepared[1])
    by_slow = sent(MessageSender(), prepared[0])
    record(slow, by_slow)
    record(quick, by_quick)

    assert [type(outcome) for outcome in by_slow] == [Doubtful]
    assert len(carrier.requests) == 1
    assert state_of(message) == ("sent", "succeeded")
    assert WebhookCall.objects.count() == 1


def test_a_late_answer_tells_what_became_of_it(message: Message, carrier: Receiver) -> None:
    """It was on the wire when the lease was lost: it is parked, and settled by its own engine when that wakes up."""
    engine = uuid7()
    outcomes = sent_by(MessageSender(), claimed(engine))
    lose_leases()
    assert state_of(message) == ("unknown", "unknown")
    assert not Due.objects.exists()

    record(engine, outcomes)

    assert state_of(message) == ("sent", "unknown")
    assert now(message).provider_message_id == "SM1"
    assert now(message).unannounced == ["unknown", "sent"]


def test_a_late_refusal_fails_what_nobody_would_try_again(message: Message, carrier: Receiver) -> None:
    carrier.answer(PATH, status=429)
    engine = uuid7()
    outcomes = sent_by(MessageSender(), claimed(engine))
    lose_leases()

    record(engine, outcomes)

    assert now(message).state == "failed"
    assert now(message).error_message == "Slow down."


def test_a_lease_that_is_lost_before_anything_was_sent_costs_nothing(message: Message, carrier: Receiver) -> None:
    claimed(uuid7())
    lose_leases()

    assert now(message).state == "accepted"
    assert Due.objects.get().lease_by is None
    with running_engine():
        drain()
    assert state_of(message) == ("sent", "succeeded")
    assert len(carrier.requests) == 1


def test_a_callback_overtakes_the_answer(tenant: Tenant, message: Message, carrier: Receiver) -> None:
    engine = uuid7()
    outcomes = sent_by(MessageSender(), claimed(engine))
    apply_statuses(tenant.id, "carrier", [StatusUpdate(state=MessageState.DELIVERED, message_id=message.id)])

    record(engine, outcomes)

    assert state_of(message) == ("delivered", "succeeded")
    stored = now(message)
    assert (stored.provider_message_id, stored.sending_since) == ("SM1", None)
    assert stored.sent_at is not None


def test_a_callback_settles_what_was_parked_and_its_delivery_is_not_sent_again(
    tenant: Tenant, message: Message, carrier: Receiver
) -> None:
    attempts.begin(message.id)
    claimed(uuid7())
    lose_leases()
    apply_statuses(tenant.id, "carrier", [StatusUpdate(state=MessageState.DELIVERED, message_id=message.id)])

    assert state_of(message) == ("delivered", "unknown")
    assert not Due.objects.exists()
    assert carrier.requests == []


@pytest.mark.parametrize(
    ("state", "end"),
    [("sent", Next.SUCCEEDED), ("read", Next.SUCCEEDED), ("failed", Next.FAILED), ("unknown", Next.UNKNOWN)],
)
def test_a_message_whose_life_went_on_leaves_the_queue(
    message: Message, carrier: Receiver, state: str, end: Next
) -> None:
    Message.objects.update(state=state)
    engine = uuid7()
    (row,) = claimed(engine)

    outcomes = sent_by(MessageSender(), [row])
    record(engine, outcomes)

    assert outcomes == [Ended(row, end)]
    assert state_of(message) == (state, end.value)
    assert not Due.objects.exists()
    assert carrier.requests == []


def test_a_message_that_is_gone_leaves_the_queue(message: Message, carrier: Receiver) -> None:
    Message.objects.all().delete()
    with running_engine():
        drain()
    assert Delivery.objects.get().state == "cancelled"
    assert carrier.requests == []


def test_a_mark_without_an_engine_is_doubt(message: Message, carrier: Receiver) -> None:
    """However it came about that a marked message is in the queue: a fault of ours, or a process that signed off."""
    attempts.begin(message.id)
    with running_engine():
        drain()
        wait_until(lambda: not now(message).unannounced)
    assert state_of(message) == ("unknown", "unknown")
    assert "whether" in Delivery.objects.get().last_error
    assert carrier.requests == []


def test_doubt_about_what_was_cleared_meanwhile_goes_back_into_the_queue(message: Message, carrier: Receiver) -> None:
    engine = uuid7()
    (row,) = claimed(engine)

    record(engine, [Doubtful(row)])

    assert state_of(message) == ("accepted", "pending")
    due = Due.objects.get()
    assert (due.lease_by, due.attempt) == (None, 0)


def test_a_stop_before_the_first_byte_gives_it_back(
    message: Message, carrier: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = threading.Event()

    async def never(*_: object, **__: object) -> None:
        reached.set()
        await asyncio.sleep(60)

    sender = MessageSender()
    monkeypatch.setattr(sender._client, "post", never)
    with running_engine({"message": sender}, grace_seconds=0.1):
        assert reached.wait(10)
    stored = now(message)
    assert (stored.state, stored.sending_since, stored.attempts) == ("accepted", None, 1)
    assert Due.objects.get().lease_by is None

    with running_engine():
        drain()
    assert state_of(message) == ("sent", "succeeded")
    assert len(carrier.requests) == 1


def test_a_stop_while_it_is_on_the_wire_parks_it(message: Message, carrier: Receiver) -> None:
    carrier.answer(PATH, delay=10)
    with running_engine(grace_seconds=0.1):
        carrier.wait_for(1)

    assert state_of(message) == ("unknown", "unknown")
    assert not Due.objects.exists()
    call = WebhookCall.objects.get()
    assert (call.error_kind, call.is_final) == ("interrupted", True)


def test_a_stop_while_the_mark_is_set_leaves_no_mark_behind(
    message: Message, carrier: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, go_on, asked = attempts.begin, threading.Event(), threading.Event()

    def slowly(message_id: UUID) -> int | None:
        asked.set()
        go_on.wait(10)
        return begin(message_id)

    monkeypatch.setattr(attempts, "begin", slowly)
    with running_engine(grace_seconds=0.1) as engine:
        assert asked.wait(10)
        threading.Timer(0.5, go_on.set).start()
        engine.stop()

    stored = now(message)
    assert (stored.state, stored.sending_since) == ("accepted", None)
    assert carrier.requests == []
    assert Due.objects.get().lease_by is None


def test_a_database_that_fails_at_the_mark_sends_nothing(
    message: Message, carrier: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: UUID) -> int | None:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(attempts, "begin", fails)
        outcomes = sent_by(MessageSender(), claimed(engine := uuid7()))
        record(engine, outcomes)

    assert [type(outcome) for outcome in outcomes] == [Postponed]
    assert carrier.requests == []
    assert now(message).state == "accepted"
    Due.objects.update(due_at=datetime.now(UTC))
    with running_engine():
        drain()
    assert len(carrier.requests) == 1


def test_an_outcome_is_recorded_with_its_message_or_not_at_all(
    message: Message, carrier: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = uuid7()
    outcomes = sent_by(MessageSender(), claimed(engine))

    def fails(_: object) -> None:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patched:
        patched.setattr(attempts, "store", fails)
        with pytest.raises(OperationalError):
            record(engine, outcomes)
    assert state_of(message) == ("accepted", "pending")
    assert not WebhookCall.objects.exists()

    record_outcomes(engine, outcomes, again=True, ledgers=LEDGERS)
    record_outcomes(engine, outcomes, again=True, ledgers=LEDGERS)
    assert state_of(message) == ("sent", "succeeded")
    assert WebhookCall.objects.count() == 1


def test_a_report_of_an_earlier_attempt_says_nothing(message: Message, carrier: Receiver) -> None:
    carrier.answer(PATH, status=429, times=1)
    first = uuid7()
    late = sent_by(MessageSender(), claimed(first))
    Message.objects.update(sending_since=None)  # another engine recorded it, and began anew
    Due.objects.update(lease_by=None)
    assert attempts.begin(message.id) == 2

    record(first, late)

    assert now(message).sending_since is not None


def test_a_fault_of_the_engine_after_the_mark_ends_in_doubt(message: Message, carrier: Receiver) -> None:
    class Faulty(MessageSender):
        async def _post(self, *_: object) -> Outcome:  # type: ignore[override]
            raise ZeroDivisionError

    with running_engine({"message": Faulty()}):
        wait_until(lambda: Due.objects.filter(lease_by=None, due_at__gt=datetime.now(UTC)))
    Due.objects.update(due_at=datetime.now(UTC))
    with running_engine():
        drain()

    assert state_of(message) == ("unknown", "unknown")
    assert carrier.requests == []


def test_the_engine_parks_what_dead_engines_may_have_sent(message: Message, carrier: Receiver) -> None:
    dead = uuid7()
    claimed(dead)
    attempts.begin(message.id)
    EngineRow.objects.update(heartbeat_at=timezone.now() - timezone.timedelta(seconds=60))
    with running_engine() as engine:
        assert isinstance(engine.engine, Engine)
        wait_until(lambda: not Due.objects.exists())

    assert state_of(message) == ("unknown", "unknown")
    assert carrier.requests == []
