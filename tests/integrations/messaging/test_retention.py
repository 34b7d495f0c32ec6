"""Forgetting, tenant deletion, and the rotation of data keys."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.encryption.models import DataKey, DataKeyState
from integrations.encryption.reencryption import count_values
from integrations.ids import uuid7, uuid7_floor
from integrations.messaging import tenant_data
from integrations.messaging.content import content_of
from integrations.messaging.models import Message, SenderRate
from integrations.messaging.services import retention
from integrations.messaging.services.retention import Forgotten, forget_messages
from integrations.messaging.tenant_data import owner
from integrations.models import Integration, Tenant
from integrations.services.data_key_rotation import rotate_data_keys
from tests.message_steps import connect, send

pytestmark = pytest.mark.django_db


def aged(tenant: Tenant, days: int, state: str = "sent") -> UUID:
    """Send a message and let it be so many days old."""
    message = send(tenant, idempotency_key=f"{days}-{state}-{uuid7()}")
    old = UUID(int=uuid7_floor(timezone.now() - timedelta(days=days)).int + (message.id.int & 0xFFFFFFFF))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_message SET id = %s, state = %s WHERE id = %s", [old, state, message.id])
    return old


def test_content_goes_first_and_the_message_later(
    tenant: Tenant, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    new, waiting = aged(tenant, 29), aged(tenant, 200, "accepted")
    old = [aged(tenant, 31, state) for state in ("sent", "failed", "unknown")]
    oldest = [aged(tenant, 181) for _ in range(3)]

    assert forget_messages() == Forgotten(emptied=3, deleted=3)
    assert forget_messages() == Forgotten(emptied=0, deleted=0)

    assert not Message.objects.filter(id__in=oldest).exists()
    for message in Message.objects.filter(id__in=old):
        assert (content_of(message), message.idempotency_key, message.fingerprint) == (None, "", "")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM messaging_message WHERE content IS NOT NULL")
        assert cursor.fetchone()[0] == 2
    assert set(Message.objects.exclude(id__in=old).values_list("id", flat=True)) == {new, waiting}


def test_the_days_are_settings(tenant: Tenant, integration: Integration, settings: object) -> None:
    settings.MESSAGE_CONTENT_DAYS, settings.MESSAGE_RETENTION_DAYS = 3, 5
    aged(tenant, 4), aged(tenant, 6)
    assert forget_messages() == Forgotten(emptied=1, deleted=1)


def test_rates_that_say_nothing_are_forgotten() -> None:
    now = timezone.now()
    SenderRate.objects.create(sender_id=uuid7(), free_at=now - timedelta(days=2))
    busy = SenderRate.objects.create(sender_id=uuid7(), free_at=now - timedelta(hours=1))
    forget_messages()
    assert SenderRate.objects.get() == busy


def test_the_owner_counts_and_deletes_one_tenants_messages(
    tenant: Tenant, other_tenant: Tenant, integration: Integration, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_data, "BATCH", 2)
    connect(other_tenant)
    for _ in range(5):
        send(tenant)
    theirs = send(other_tenant)

    assert owner.count(tenant.id) == {"messaging_message": 5}
    assert owner.count(None) == {"messaging_message": 6}
    assert owner.delete(tenant.id) == {"messaging_message": 5}
    assert owner.delete(tenant.id) == {"messaging_message": 0}
    assert Message.objects.get().id == theirs.id
    assert owner.delete(None) == {"messaging_message": 1}


@pytest.mark.django_db(transaction=True)
def test_a_rotation_of_data_keys_takes_what_messages_say_along(tenant: Tenant, integration: Integration) -> None:
    text, template = send(tenant), send(tenant, text="", template={"name": "code", "language": "en"})

    *_, _ = rotate_data_keys(actor=Actor.system("tests"), batch_size=1)

    active = DataKey.objects.get(tenant=tenant, state=DataKeyState.ACTIVE)
    assert count_values()[active.id]["messaging.Message"] == 2
    assert content_of(Message.objects.get(id=text.id)) == {"text": "Your code is 271828"}
    assert content_of(Message.objects.get(id=template.id)) == {
        "template": {"name": "code", "language": "en", "components": []}
    }
