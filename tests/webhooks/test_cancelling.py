"""Cancelling one delivery."""

from __future__ import annotations

import pytest

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, NotFoundError
from integrations.ids import uuid7
from integrations.models import ActivityLog, Tenant
from tests.webhooks.delivery_steps import due, failed, make_delivery, stored, waiting
from webhooks.models import Webhook
from webhooks.services.cancelling import cancel_delivery

pytestmark = pytest.mark.django_db


def deeds() -> list[str]:
    return list(ActivityLog.objects.filter(object_kind="delivery").values_list("verb", flat=True))


def test_takes_a_waiting_delivery_out_of_the_queue(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = waiting(webhook)
    cancel_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    now = stored(delivery)
    assert (now.state, now.attempts, now.next_attempt_at) == ("cancelled", 1, None)
    assert now.finished_at is not None
    assert due(delivery) is None
    assert deeds() == ["delivery.cancelled"]


def test_ends_what_is_on_the_wire_after_this_attempt(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = waiting(webhook, lease_by=uuid7())
    cancel_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).state, due(delivery)) == ("cancelled", None)


def test_ends_a_held_delivery(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = make_delivery(webhook, state="held", attempts=2)
    cancel_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).state, stored(delivery).attempts) == ("cancelled", 2)


def test_changes_nothing_when_it_is_cancelled_already(webhook: Webhook, admin_actor: Actor) -> None:
    delivery = waiting(webhook)
    for _ in range(2):
        cancel_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert deeds() == ["delivery.cancelled"]


@pytest.mark.parametrize("state", ["failed", "succeeded"])
def test_refuses_what_has_ended(webhook: Webhook, admin_actor: Actor, state: str) -> None:
    delivery = failed(webhook, state=state)
    with pytest.raises(ConflictError, match=f"ended already: {state}"):
        cancel_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert (stored(delivery).state, deeds()) == (state, [])


def test_does_not_find_another_tenants_delivery(webhook: Webhook, other_tenant: Tenant, admin_actor: Actor) -> None:
    delivery = waiting(webhook)
    with pytest.raises(NotFoundError):
        cancel_delivery(actor=admin_actor, tenant=other_tenant, delivery_id=delivery.id)
    assert stored(delivery).state == "retrying"
    assert due(delivery) is not None
