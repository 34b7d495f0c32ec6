"""What is for webhooks alone leaves the deliveries of messages alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from analytics.error_groups import error_groups
from analytics.models import HourlyRollup, WebhookCall
from analytics.period import Period
from analytics.queries import calls_of_tenant
from analytics.recording import CallRecord, copy_calls, upsert_rollups
from integrations.activity.actor import Actor
from integrations.errors import NotFoundError
from integrations.messaging.models import Message
from integrations.models import Tenant
from tests.integrations.messaging.carrier import use_carrier
from tests.message_steps import connect, send
from webhooks.delivery_queries import DeliveryFilter, deliveries_of, delivery_detail
from webhooks.engine.database import engine_cursor
from webhooks.models import Delivery, Due
from webhooks.services.cancelling import cancel_delivery
from webhooks.services.retrying import retry_deliveries, retry_delivery

pytestmark = pytest.mark.django_db


@pytest.fixture
def message(monkeypatch: pytest.MonkeyPatch, tenant: Tenant) -> Message:
    use_carrier(monkeypatch)
    connect(tenant)
    return send(tenant)


def test_a_message_is_no_delivery_to_a_webhook(tenant: Tenant, message: Message) -> None:
    assert not deliveries_of(tenant.id, DeliveryFilter()).exists()
    with pytest.raises(NotFoundError):
        delivery_detail(tenant.id, message.id)


@pytest.mark.parametrize("state", ["pending", "failed", "unknown"])
def test_a_message_is_never_sent_again_or_cancelled_as_a_delivery(
    tenant: Tenant, admin_actor: Actor, message: Message, state: str
) -> None:
    Delivery.objects.update(state=state)
    if state != "pending":
        Due.objects.all().delete()
    known: dict[str, Any] = {"actor": admin_actor, "tenant": tenant}

    for refused in (retry_delivery, cancel_delivery):
        with pytest.raises(NotFoundError):
            refused(**known, delivery_id=message.id)
    assert retry_deliveries(**known, delivery_ids=[message.id]).retried == []

    assert Delivery.objects.get().state == state
    assert Due.objects.exists() == (state == "pending")


def test_its_calls_are_in_no_list_total_or_group_of_webhooks(tenant: Tenant, message: Message) -> None:
    call = CallRecord(
        tenant_id=tenant.id,
        target_kind="message",
        target_id=message.integration_id,
        workflow_name="carrier",
        delivery_id=message.id,
        event_id=message.id,
        attempt=1,
        is_final=True,
        response_time_ms=5,
        success=False,
        error_kind="status",
        error_message="Refused.",
        timestamp=timezone.now(),
    )
    with engine_cursor() as cursor:
        copy_calls(cursor, [call])
        upsert_rollups(cursor, [call])

    assert WebhookCall.objects.count() == 1
    assert not HourlyRollup.objects.exists()
    assert not calls_of_tenant(tenant_id=tenant.id).exists()
    period = Period(timezone.now() - timezone.timedelta(hours=1), timezone.now())
    assert list(error_groups(tenant_id=tenant.id, period=period).groups) == []
