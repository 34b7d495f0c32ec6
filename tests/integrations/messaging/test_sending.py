"""Accepting messages."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import pytest
from django.db import connection, transaction

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.messaging.content import content_of
from integrations.messaging.models import Message
from integrations.messaging.queries import get_message, messages_of
from integrations.messaging.services.sending import send_message
from integrations.models import Integration, Role, Tenant
from integrations.services.integration_items import add_integration
from integrations.services.integrations import change_integration
from tests.integrations.people import join
from tests.message_steps import TO, connect, send
from webhooks.models import Delivery, Due

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")


def nothing_is_stored() -> bool:
    return not (Message.objects.exists() or Delivery.objects.exists() or Due.objects.exists())


def test_an_accepted_message_waits_in_the_queue_under_its_own_id(tenant: Tenant, integration: Integration) -> None:
    message = send(tenant, triggered_by="sign-up", metadata={"order": 7})

    stored = Message.objects.get()
    assert stored.id == message.id
    assert (stored.state, stored.provider, stored.integration_id, stored.source) == (
        "accepted",
        "carrier",
        integration.id,
        "tenant",
    )
    assert (stored.to, stored.triggered_by, stored.metadata, stored.attempts) == (TO, "sign-up", {"order": 7}, 0)
    assert content_of(stored) == {"text": "Your code is 271828"}
    assert stored.accepted_at is not None
    due = Due.objects.get()
    assert (due.delivery_id, due.event_id, due.target_kind, due.target_id) == (
        message.id,
        message.id,
        "message",
        integration.id,
    )
    delivery = Delivery.objects.get()
    assert (delivery.id, delivery.target_kind, delivery.state) == (message.id, "message", "pending")


def test_what_a_message_says_is_nowhere_in_clear(tenant: Tenant, integration: Integration) -> None:
    send(tenant, "Your code is 271828", idempotency_key="once")

    with connection.cursor() as cursor:
        cursor.execute("SELECT messaging_message::text FROM messaging_message")
        (row,) = cursor.fetchone()
    assert "271828" not in row
    assert "271828" not in repr(Message.objects.get().content)
    assert "v1:" in row


def test_a_template_is_kept_as_it_was_given(tenant: Tenant, integration: Integration) -> None:
    template = {"name": "code", "language": "en_US", "components": [{"type": "body", "parameters": []}]}

    message = send(tenant, text="", template=template)

    assert content_of(get_message(tenant, message.id)) == {"template": template}


def test_it_is_rolled_back_with_the_callers_transaction(tenant: Tenant, integration: Integration) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        send(tenant)
        raise ZeroDivisionError
    assert nothing_is_stored()


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        ({"text": "x" * 161}, ["text"]),
        ({"to": "12"}, ["to"]),
        ({"channel": "fax"}, ["channel"]),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_stored(
    tenant: Tenant, integration: Integration, wrong: dict[str, Any], fields: list[str]
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        send_message(tenant, **{"channel": "sms", "to": TO, "text": "Hello", **wrong})
    assert list(refused.value.errors) == fields
    assert nothing_is_stored()


def test_without_anything_connected_it_says_what_to_connect(tenant: Tenant) -> None:
    with pytest.raises(NotFoundError, match="SMS is not connected"):
        send(tenant)
    assert nothing_is_stored()


def test_a_members_own_integration_comes_first_and_others_cannot_name_it(tenant: Tenant) -> None:
    mia, tom = join(tenant, "mia", Role.MEMBER), join(tenant, "tom", Role.MEMBER)
    shared, own = connect(tenant), connect(tenant, owner=mia, name="Mia's")

    assert send(tenant, membership_id=mia.id).integration_id == own.id
    assert send(tenant, membership_id=mia.id).source == "user"
    assert send(tenant, membership_id=tom.id).integration_id == shared.id
    assert send(tenant, membership_id=mia.id, integration_id=own.id).integration_id == own.id
    for nobodys in (own.id, uuid7()):
        with pytest.raises(NotFoundError, match="no such integration"):
            send(tenant, membership_id=tom.id, integration_id=nobodys)


def test_the_platforms_account_has_a_lane_for_each_tenant(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALBOX_CARRIER_TOKEN", "platform-token-123456")

    sent = [send(tenant), send(tenant), send(other_tenant)]

    assert {message.source for message in sent} == {"environment"}
    assert {message.integration_id for message in sent} == {None}
    lanes = [Due.objects.get(delivery_id=message.id).target_id for message in sent]
    assert lanes[0] == lanes[1] != lanes[2]


def test_another_tenants_integration_does_not_exist(tenant: Tenant, other_tenant: Tenant) -> None:
    theirs = connect(other_tenant)
    with pytest.raises(NotFoundError):
        send(tenant, integration_id=theirs.id)


def test_an_integration_must_be_active_and_able(tenant: Tenant, integration: Integration) -> None:
    values = {"base_url": "https://n8n.example.com/webhook"}
    n8n = add_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=values, name="n8n")
    with pytest.raises(InvalidInputError, match="n8n sends no messages"):
        send(tenant, integration_id=n8n.id)
    with pytest.raises(InvalidInputError, match="Carrier sends by SMS"):
        send_message(tenant, channel="whatsapp", to=TO, text="Hello", integration_id=integration.id)
    change_integration(actor=ACTOR, integration=integration, values={}, enabled=False)
    with pytest.raises(ConflictError, match="activate the integration"):
        send(tenant, integration_id=integration.id)
    assert nothing_is_stored()


def test_nothing_is_sent_with_what_may_not_send(tenant: Tenant, integration: Integration) -> None:
    change_integration(actor=ACTOR, integration=integration, values={}, capabilities={"send_message": False})
    for chosen in (None, integration.id):
        with pytest.raises(ConflictError, match=r"set capabilities\.send_message to true"):
            send(tenant, integration_id=chosen)
    assert nothing_is_stored()


def test_an_inactive_tenant_sends_nothing(tenant: Tenant, integration: Integration) -> None:
    Tenant.objects.update(is_active=False)
    with pytest.raises(NotAllowedError, match="inactive"):
        send(tenant)
    assert nothing_is_stored()


def test_the_same_key_is_the_same_message(tenant: Tenant, other_tenant: Tenant, integration: Integration) -> None:
    connect(other_tenant)
    first = send(tenant, idempotency_key="order-7")
    assert not first.is_replay

    again = send(tenant, idempotency_key="order-7")

    assert (again.id, again.is_replay) == (first.id, True)
    assert send(other_tenant, idempotency_key="order-7").id != first.id
    assert Due.objects.filter(tenant_id=tenant.id).count() == 1
    with pytest.raises(ConflictError, match="given before with something else"):
        send(tenant, "Your code is 314159", idempotency_key="order-7")


def test_a_replay_needs_no_integration_any_more(tenant: Tenant, integration: Integration) -> None:
    first = send(tenant, idempotency_key="order-7")
    change_integration(actor=ACTOR, integration=integration, values={}, enabled=False)
    assert send(tenant, idempotency_key="order-7").id == first.id


def test_a_key_is_free_again_after_a_day(tenant: Tenant, integration: Integration) -> None:
    first = send(tenant, idempotency_key="order-7")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_message SET accepted_at = now() - interval '25 hours'")

    second = send(tenant, "something else", idempotency_key="order-7")

    assert second.id != first.id
    assert Message.objects.get(id=first.id).idempotency_key == ""


@pytest.mark.django_db(transaction=True)
def test_the_same_key_at_the_same_moment_sends_once(tenant: Tenant, integration: Integration) -> None:
    together = threading.Barrier(5)
    ids: list[UUID] = []

    def ask() -> None:
        together.wait(10)
        ids.append(send(tenant, idempotency_key="order-7").id)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(ids) == 5
    assert len(set(ids)) == 1
    assert Due.objects.count() == 1


def test_lists_are_filtered_and_have_no_content(tenant: Tenant, other_tenant: Tenant, integration: Integration) -> None:
    connect(other_tenant)
    first, second = send(tenant), send(tenant, "Hello")
    send(other_tenant)

    with tenant_scope(tenant):
        assert [message.id for message in messages_of(tenant.id)] == [second.id, first.id]
        assert "content" in messages_of(tenant.id)[0].get_deferred_fields()
        assert messages_of(tenant.id, state="accepted", provider="carrier", to=TO, channel="sms").count() == 2
        assert not messages_of(tenant.id, state="sent").exists()
        assert not messages_of(tenant.id, integration_id=uuid7()).exists()
        assert not messages_of(tenant.id, to="+1").exists()
    with pytest.raises(NotFoundError):
        get_message(other_tenant, first.id)


def test_row_level_security_hides_other_tenants_messages(
    tenant: Tenant, other_tenant: Tenant, integration: Integration
) -> None:
    mine = send(tenant)
    with tenant_scope(other_tenant):
        assert not Message.objects.exists()
        assert not Message.objects.filter(id=mine.id).update(state="failed")
        with connection.cursor() as cursor, pytest.raises(Exception, match="row-level security"), transaction.atomic():
            cursor.execute(
                'INSERT INTO messaging_message (id, tenant_id, channel, provider, source, "to", state,'
                " provider_message_id, error_code, error_message, currency, attempts, settled_by, settled_note,"
                " triggered_by, metadata, idempotency_key, fingerprint, unannounced, updated_at) VALUES"
                " (%s, %s, 'sms', 'carrier', 'tenant', '+1', 'sent', '', '', '', '', 0, '', '', '', '{}', '', '',"
                " '{}', now())",
                [uuid7(), tenant.id],
            )
    assert Message.objects.get().state == "accepted"


def test_deleting_the_integration_leaves_its_messages(tenant: Tenant, integration: Integration) -> None:
    message = send(tenant)
    integration.delete()
    assert Message.objects.get(id=message.id).integration_id is None
