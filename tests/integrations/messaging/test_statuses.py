"""What providers and people say of messages afterwards, and that tenants are told."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.ids import uuid7
from integrations.messaging.models import Message
from integrations.messaging.services.announcing import announce_owed
from integrations.messaging.services.settling import settle_message
from integrations.messaging.services.statuses import apply_statuses
from integrations.models import Integration, Tenant
from integrations.providers.messaging import MessageState, StatusUpdate
from tests.message_steps import TO, connect, now, send
from webhooks.models import Delivery, Event, Payload
from webhooks.services.webhooks import create_webhook

pytestmark = pytest.mark.django_db
SENT, DELIVERED, FAILED = MessageState.SENT, MessageState.DELIVERED, MessageState.FAILED


def events() -> list[str]:
    return list(Event.objects.order_by("id").values_list("event_type", flat=True))


def told(state: MessageState, message: Message | None = None, **more: Any) -> StatusUpdate:
    return StatusUpdate(state=state, message_id=message.id if message else None, **more)


@pytest.fixture
def message(tenant: Tenant, integration: Integration) -> Message:
    return send(tenant, metadata={"order": 7}, triggered_by="shop")


def test_a_status_moves_the_message_and_tells_the_tenant(
    tenant: Tenant, message: Message, admin_actor: Actor, django_capture_on_commit_callbacks: Any
) -> None:
    create_webhook(
        actor=admin_actor, tenant=tenant, workflow_name="hook", url="https://h.example.com", event_types=["message.*"]
    )

    changed = apply_statuses(tenant.id, "carrier", [told(SENT, message, provider_message_id="SM1")])

    assert [row.id for row in changed] == [message.id]
    stored = now(message)
    assert (stored.state, stored.provider_message_id, stored.unannounced) == ("sent", "SM1", [])
    assert stored.sent_at is not None
    event = Event.objects.get()
    assert (event.event_type, event.triggered_by) == ("message.sent", "shop")
    assert Payload.objects.get(id=event.id).body == (
        f'{{"id":"{message.id}","channel":"sms","to":"{TO}","state":"sent","provider":"carrier",'
        '"provider_message_id":"SM1","error_code":"","error_message":"","metadata":{"order":7}}'
    )
    assert Delivery.objects.filter(event_id=event.id, target_kind="webhook").count() == 1


def test_later_statuses_are_found_by_the_providers_id_and_duplicates_do_nothing(
    tenant: Tenant, message: Message
) -> None:
    apply_statuses(tenant.id, "carrier", [told(SENT, message, provider_message_id="SM1")])

    assert len(apply_statuses(tenant.id, "carrier", [told(DELIVERED, provider_message_id="SM1")])) == 1
    assert apply_statuses(tenant.id, "carrier", [told(DELIVERED, provider_message_id="SM1")]) == []
    assert apply_statuses(tenant.id, "carrier", [told(SENT, message)]) == []

    assert now(message).state == "delivered"
    assert events() == ["message.sent", "message.delivered"]


def test_several_statuses_of_one_request_are_applied_in_their_order(tenant: Tenant, message: Message) -> None:
    other = send(tenant)
    updates = [told(DELIVERED, other), told(SENT, message), told(SENT, other), told(FAILED, message, code="30005")]

    assert [row.id for row in apply_statuses(tenant.id, "carrier", updates)] == [message.id, other.id]

    assert (now(message).state, now(message).error_code, now(other).state) == ("failed", "30005", "delivered")
    assert sorted(events()) == ["message.delivered", "message.failed", "message.sent"]


def test_what_is_not_the_tenants_or_the_providers_is_ignored(
    tenant: Tenant, other_tenant: Tenant, message: Message
) -> None:
    Message.objects.update(provider_message_id="SM1")
    assert apply_statuses(other_tenant.id, "carrier", [told(SENT, message, provider_message_id="SM1")]) == []
    assert apply_statuses(tenant.id, "twilio", [told(SENT, message, provider_message_id="SM1")]) == []
    assert apply_statuses(tenant.id, "carrier", [told(SENT, provider_message_id="SM2")]) == []
    assert apply_statuses(tenant.id, "carrier", [StatusUpdate(state=SENT, message_id=uuid7())]) == []
    assert apply_statuses(tenant.id, "carrier", []) == []
    assert now(message).state == "accepted"
    assert events() == []


def test_a_status_is_rolled_back_with_its_transaction(tenant: Tenant, message: Message) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        apply_statuses(tenant.id, "carrier", [told(SENT, message)])
        raise ZeroDivisionError
    assert now(message).state == "accepted"
    assert events() == []


@pytest.mark.parametrize("state", ["sent", "delivered", "failed"])
def test_a_person_settles_what_is_unknown(tenant: Tenant, message: Message, state: str) -> None:
    Message.objects.update(state="unknown")

    settled = settle_message(tenant, message.id, state=state, by="Ada", note="Seen in the console.")

    stored = now(message)
    assert (settled.state, stored.state, stored.settled_by, stored.settled_note) == (
        state,
        state,
        "Ada",
        "Seen in the console.",
    )
    assert getattr(stored, f"{state}_at") is not None
    assert events() == [f"message.{state}"]
    with pytest.raises(ConflictError, match=f"is {state}"):
        settle_message(tenant, message.id, state="failed", by="Ada")


def test_settling_refuses_what_makes_no_sense(tenant: Tenant, other_tenant: Tenant, message: Message) -> None:
    with pytest.raises(ConflictError, match="is accepted"):
        settle_message(tenant, message.id, state="sent", by="Ada")
    for state in ("read", "unknown", "accepted", ""):
        with pytest.raises(InvalidInputError, match="sent, delivered, failed"):
            settle_message(tenant, message.id, state=state, by="Ada")
    with pytest.raises(InvalidInputError, match="note"):
        settle_message(tenant, message.id, state="sent", by="Ada", note="\0")
    with pytest.raises(NotFoundError):
        settle_message(other_tenant, message.id, state="sent", by="Ada")


def test_a_callback_after_a_person_still_counts(tenant: Tenant, message: Message) -> None:
    Message.objects.update(state="unknown")
    settle_message(tenant, message.id, state="failed", by="Ada")

    apply_statuses(tenant.id, "carrier", [told(DELIVERED, message)])

    assert (now(message).state, now(message).error_message) == ("delivered", "")


def test_what_is_owed_is_published_by_the_sweep_once(tenant: Tenant, other_tenant: Tenant, message: Message) -> None:
    connect(other_tenant)
    theirs = send(other_tenant)
    Message.objects.filter(id=message.id).update(state="delivered", unannounced=["sent", "delivered"])
    Message.objects.filter(id=theirs.id).update(state="unknown", unannounced=["unknown"])

    assert announce_owed() == 3
    assert announce_owed() == 0

    assert list(Event.objects.filter(tenant_id=tenant.id).order_by("id").values_list("event_type", flat=True)) == [
        "message.sent",
        "message.delivered",
    ]
    assert Event.objects.get(tenant_id=other_tenant.id).event_type == "message.unknown"


def test_an_inactive_tenant_is_told_when_it_is_active_again(tenant: Tenant, message: Message) -> None:
    Message.objects.update(state="unknown")
    Tenant.objects.update(is_active=False)
    settle_message(tenant, message.id, state="sent", by="Ada")
    assert (announce_owed(), events()) == (0, [])

    Tenant.objects.update(is_active=True)

    assert (announce_owed(), events()) == (1, ["message.sent"])
