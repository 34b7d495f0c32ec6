"""Messages on their way: an engine, and a receiver that plays the provider."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from analytics.models import HourlyRollup, MinuteRollup, WebhookCall
from integrations.activity.actor import Actor
from integrations.encryption.errors import KeyNotAtHandError
from integrations.messaging.models import Message
from integrations.models import Health, Integration, Tenant
from integrations.providers.values import Values
from integrations.services.integrations import change_integration
from tests.engine_process import drain, running_engine, wait_until
from tests.integrations.messaging.carrier import TOKEN, CarrierMessaging, use_carrier
from tests.message_steps import TO, connect, now, send
from tests.receiver import Receiver
from tests.webhooks.engine.conftest import MakeWebhook
from webhooks.engine import message_sender
from webhooks.models import Delivery, Due, Event, Webhook, WebhookStats
from webhooks.models import Receiver as ReceiverRow
from webhooks.services.calls import call_webhook
from webhooks.services.receivers import create_receiver

pytestmark = pytest.mark.django_db(transaction=True)
ACTOR = Actor.system("test")
PATH = "/messages"
SECRETS = (TOKEN, "271828")


@pytest.fixture
def carrier(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> Receiver:
    use_carrier(monkeypatch)
    receiver.answer(PATH, status=201, body={"sid": "SM1", "body": "Your code is 271828"})
    return receiver


@pytest.fixture
def integration(carrier: Receiver, tenant: Tenant) -> Integration:
    return connect(tenant, carrier.url("").rstrip("/"))


def delivered(message: Message) -> tuple[str, str]:
    """Return the states of the message and of its delivery."""
    return now(message).state, Delivery.objects.get(id=message.id).state


def call_of(message: Message) -> WebhookCall:
    return WebhookCall.objects.filter(delivery_id=message.id).latest("id")


def told(message: Message) -> list[str]:
    return list(Event.objects.filter(tenant_id=message.tenant_id).order_by("id").values_list("event_type", flat=True))


def wait_for_state(message: Message, state: str) -> Message:
    wait_until(lambda: now(message).state == state, what=f"the message is {state}")
    return now(message)


@pytest.fixture(autouse=True)
def _no_secret_in_calls(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    for call in WebhookCall.objects.all():
        shown = f"{call.request_headers}{call.response_body}{call.error_message}{call.metadata}"
        assert not [secret for secret in SECRETS if secret in shown]
    assert not [secret for secret in SECRETS if secret in caplog.text]


def test_a_message_is_sent_and_the_tenant_is_told(tenant: Tenant, integration: Integration, carrier: Receiver) -> None:
    message = send(tenant, metadata={"order": 7}, triggered_by="shop")
    with running_engine():
        drain()
        wait_until(lambda: told(message))

    (request,) = carrier.requests
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.json() == {"id": str(message.id), "to": TO, "text": "Your code is 271828", "callback": ""}
    stored = now(message)
    assert delivered(message) == ("sent", "succeeded")
    assert (stored.provider_message_id, stored.cost, stored.currency, stored.attempts) == (
        "SM1",
        Decimal("0.0075"),
        "USD",
        1,
    )
    assert stored.sending_since is None
    assert stored.sent_at is not None
    assert told(message) == ["message.sent"]


def test_its_call_is_recorded_without_secrets_and_counts_for_no_webhook(
    tenant: Tenant, integration: Integration, carrier: Receiver
) -> None:
    message = send(tenant)
    with running_engine():
        drain()

    call = call_of(message)
    assert (call.target_kind, call.target_id, call.workflow_name) == ("message", integration.id, "carrier")
    assert (call.status_code, call.success, call.is_final, call.attempt) == (201, True, True, 1)
    assert call.request_headers == {"Authorization": "***", "Content-Type": "application/json"}
    assert call.response_body == ""
    assert not HourlyRollup.objects.exists()
    assert not MinuteRollup.objects.exists()
    assert not WebhookStats.objects.exists()


def test_messages_and_webhooks_are_recorded_together(
    make_webhook: MakeWebhook, tenant: Tenant, integration: Integration, receiver: Receiver
) -> None:
    webhook: Webhook = make_webhook()
    messages = [send(tenant) for _ in range(20)]
    for number in range(20):
        call_webhook(webhook, {"n": number})
    with running_engine():
        drain()

    assert [delivered(message) for message in messages] == [("sent", "succeeded")] * 20
    assert len(receiver.to(PATH)) == len(receiver.to("/hook")) == 20
    assert WebhookStats.objects.get().total_calls == 20
    assert sum(HourlyRollup.objects.filter(target_id=webhook.id).values_list("calls", flat=True)) == 20
    assert sum(HourlyRollup.objects.exclude(target_id=webhook.id).values_list("calls", flat=True)) == 20


def test_what_the_provider_refuses_fails_in_its_words(
    tenant: Tenant, integration: Integration, carrier: Receiver
) -> None:
    words = f"The number is not a mobile number ({TOKEN}, Your code is 271828)."
    carrier.answer(PATH, status=400, body={"code": 21614, "message": words})
    message = send(tenant)
    with running_engine():
        drain()
        wait_until(lambda: told(message))

    stored = now(message)
    assert delivered(message) == ("failed", "failed")
    assert (stored.error_code, stored.error_message) == ("21614", "The number is not a mobile number (***, ***).")
    assert stored.failed_at is not None
    assert (len(carrier.requests), told(message)) == (1, ["message.failed"])
    assert (
        call_of(message).response_body == '{"code": 21614, "message": "The number is not a mobile number (***, ***)."}'
    )


@pytest.mark.parametrize(
    ("status", "body", "health", "is_brought_forward"),
    [
        (201, {"sid": "SM1"}, Health.FAILING, True),
        (201, {"sid": "SM1"}, Health.OK, False),
        (401, {"code": 20003}, Health.OK, True),
        (400, {"code": 21614}, Health.OK, False),
    ],
)
def test_an_answer_that_contradicts_the_health_brings_the_next_test_forward(
    tenant: Tenant,
    integration: Integration,
    carrier: Receiver,
    status: int,
    body: dict[str, Any],
    health: Health,
    is_brought_forward: bool,
) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    Integration.objects.update(health=health, test_due_at=tomorrow)
    carrier.answer(PATH, status=status, body=body)
    message = send(tenant)
    with running_engine():
        drain()
        wait_until(lambda: told(message))

    assert (Integration.objects.get().test_due_at < tomorrow) == is_brought_forward


def test_a_rate_limit_is_waited_for_as_long_as_the_provider_asks(
    tenant: Tenant, integration: Integration, carrier: Receiver
) -> None:
    carrier.answer(PATH, status=429, headers={"Retry-After": "600"}, times=1)
    message = send(tenant)
    with running_engine():
        due = wait_until(lambda: Due.objects.filter(delivery_id=message.id, attempt=1, lease_by=None).first())
        asked = (due.due_at - datetime.now(UTC)).total_seconds()
        stored = now(message)
        assert 590 < asked <= 600
        assert (stored.state, stored.sending_since, stored.error_message) == ("accepted", None, "Slow down.")
        assert Delivery.objects.get(id=message.id).state == "retrying"
        Due.objects.update(due_at=datetime.now(UTC) - timedelta(seconds=1))
        drain()

    stored = now(message)
    assert delivered(message) == ("sent", "succeeded")
    assert (stored.attempts, stored.error_message, len(carrier.requests)) == (2, "", 2)


def test_nobody_at_home_is_tried_again(tenant: Tenant, integration: Integration, carrier: Receiver) -> None:
    carrier.stop()
    message = send(tenant)
    with running_engine():
        wait_until(lambda: Due.objects.filter(delivery_id=message.id, attempt=1, lease_by=None).first())
        stored = now(message)
        assert (stored.state, stored.sending_since, stored.attempts) == ("accepted", None, 1)
        assert call_of(message).error_kind == "connect"
        assert not call_of(message).is_final
        carrier.start()
        values = {"base_url": carrier.url("").rstrip("/")}
        change_integration(actor=ACTOR, integration=integration, values=values)
        wait_until(lambda: not Due.objects.exists())

    assert delivered(message) == ("sent", "succeeded")
    assert len(carrier.requests) == 1


def test_retries_end(tenant: Tenant, integration: Integration, carrier: Receiver) -> None:
    carrier.answer(PATH, status=429)
    message = send(tenant)
    Due.objects.update(attempt=9)
    with running_engine():
        drain()

    assert delivered(message) == ("failed", "failed")
    assert (now(message).error_code, now(message).error_message) == ("429", "Slow down.")


@pytest.mark.parametrize(
    "answer",
    [
        {"delay": 5.0},
        {"reset": True},
        {"raw": b""},
        {"raw": b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{"},
        {"raw": b"nonsense\r\n\r\n"},
        {"status": 200, "body": "<html>Welcome</html>"},
        {"status": 503},
    ],
    ids=["timeout", "reset", "closed", "cut", "nonsense", "html", "503"],
)
def test_what_may_have_been_sent_is_parked_and_never_sent_again(
    tenant: Tenant,
    integration: Integration,
    carrier: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    answer: dict[str, Any],
) -> None:
    monkeypatch.setattr(message_sender, "TIMEOUT_SECONDS", 0.5)
    first = send(tenant)
    with running_engine():
        drain()  # a connection could be kept now
        carrier.answer(PATH, **answer)
        message = send(tenant)
        wait_for_state(message, "unknown")
        drain()
        wait_until(lambda: told(message)[1:])

    assert delivered(first) == ("sent", "succeeded")
    assert delivered(message) == ("unknown", "unknown")
    stored = now(message)
    assert stored.unknown_at is not None
    assert stored.error_message
    assert len([request for request in carrier.requests if request.json()["id"] == str(message.id)]) == 1
    assert told(message) == ["message.sent", "message.unknown"]
    assert (call_of(message).success, call_of(message).is_final) == (False, True)


def test_an_answer_that_the_adapter_stumbles_over_parks_it(
    tenant: Tenant, integration: Integration, carrier: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CarrierMessaging, "judge", lambda *_: 1 / 0)
    message = send(tenant)
    with running_engine():
        drain()
    assert delivered(message) == ("unknown", "unknown")
    assert len(carrier.requests) == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("disable", "The integration was deactivated."),
        ("switch off", "Sending messages was switched off for the integration."),
        ("delete", "The integration was deleted."),
        ("fault", "The request could not be built"),
        ("forget", "What it said is not stored any more."),
        ("another provider", "The integration was changed to another provider."),
    ],
)
def test_what_cannot_be_sent_fails_with_a_sentence(
    tenant: Tenant, integration: Integration, carrier: Receiver, change: str, reason: str
) -> None:
    message = send(tenant, "a fault of ours" if change == "fault" else "Hello")
    if change == "disable":
        change_integration(actor=ACTOR, integration=integration, values={}, enabled=False)
    elif change == "switch off":
        change_integration(actor=ACTOR, integration=integration, values={}, capabilities={"send_message": False})
    elif change == "delete":
        integration.delete()
    elif change == "forget":
        Message.objects.raw("UPDATE messaging_message SET content = NULL RETURNING *")[0]
    elif change == "another provider":
        Integration.objects.update(provider="twilio")
    with running_engine():
        drain()
        wait_until(lambda: told(message))

    assert delivered(message) == ("failed", "failed")
    assert now(message).error_message.startswith(reason)
    assert (call_of(message).error_kind, now(message).attempts) == ("configuration", 0)
    assert carrier.requests == []
    assert told(message) == ["message.failed"]


def test_without_the_key_it_waits(
    tenant: Tenant, integration: Integration, carrier: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_key(*_: object) -> Values:
        raise KeyNotAtHandError

    message = send(tenant)
    monkeypatch.setattr(Values, "revealed", no_key)
    with running_engine():
        due = wait_until(lambda: Due.objects.filter(lease_by=None, due_at__gt=datetime.now(UTC)).first())

    assert (due.delivery_id, due.attempt, now(message).state) == (message.id, 0, "accepted")
    assert 20 < (due.due_at - datetime.now(UTC)).total_seconds() <= 30


def test_an_inactive_tenants_messages_wait(tenant: Tenant, integration: Integration, carrier: Receiver) -> None:
    message = send(tenant)
    Tenant.objects.update(is_active=False)
    with running_engine() as engine:
        wait_until(lambda: engine.engine._has_sure_leases())
        assert carrier.requests == []
        Tenant.objects.update(is_active=True)
        drain()
    assert delivered(message) == ("sent", "succeeded")


def test_the_address_for_callbacks_is_that_of_an_active_receiver(
    tenant: Tenant, other_tenant: Tenant, integration: Integration, carrier: Receiver
) -> None:
    def receive(of: Tenant, name: str) -> ReceiverRow:
        return create_receiver(actor=ACTOR, tenant=of, provider="carrier", secret="12345678", name=name)

    receive(other_tenant, "theirs")
    ReceiverRow.objects.filter(id=receive(tenant, "off").id).update(is_active=False)
    mine = receive(tenant, "mine")
    message = send(tenant)
    with running_engine():
        drain()
    assert carrier.requests[0].json()["callback"] == mine.address
    assert delivered(message) == ("sent", "succeeded")


def test_a_slow_sender_gives_turns_and_nothing_is_lost(
    tenant: Tenant, integration: Integration, carrier: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CarrierMessaging, "per_second", 10.0)
    messages = [send(tenant) for _ in range(25)]
    with running_engine():
        drain()

    at = sorted(request.at for request in carrier.requests)
    assert len(at) == 25
    # Ten at once, then one each tenth of a second.
    assert at[24] - at[0] >= 1.3
    for first, last in zip(at, at[11:], strict=False):
        assert last - first >= 0.05
    assert {now(message).state for message in messages} == {"sent"}
    assert {now(message).attempts for message in messages} == {1}
