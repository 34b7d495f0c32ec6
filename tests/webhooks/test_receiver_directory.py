"""Which receivers provider actions are told of."""

from __future__ import annotations

import pytest

from integrations.activity.actor import Actor
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.ports import receiver_directory
from webhooks.services.receivers import create_receiver, update_receiver

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")


def test_those_of_the_tenant_and_provider_that_are_switched_on(tenant: Tenant, other_tenant: Tenant) -> None:
    def add(name: str, of: Tenant = tenant, provider: str = "github", **more: str) -> str:
        return str(create_receiver(actor=ACTOR, tenant=of, provider=provider, name=name, **more).id)

    second, first = add("releases"), add("builds")
    add("theirs", of=other_tenant)
    add("chat", provider="slack", secret="0" * 32)
    off = create_receiver(actor=ACTOR, tenant=tenant, provider="github", name="off")
    update_receiver(actor=ACTOR, tenant=tenant, receiver_id=off.id, changes={"is_active": False})

    with tenant_scope(tenant):
        found = receiver_directory().active(tenant.id, "github")

    assert [(place.id, place.name) for place in found] == [(first, "builds"), (second, "releases")]
    assert found[0].address.endswith(f"/api/webhooks/in/{first}")
    assert found[0].secret
    assert found[0].secret not in repr(found[0])
