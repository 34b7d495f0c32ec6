"""Handing a member's own integration to the tenant, and back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, NotFoundError, PreconditionFailedError
from integrations.models import ActivityLog, Integration, Membership, Role, Tenant
from integrations.services.integration_items import add_integration
from integrations.services.integration_sharing import share_integration, unshare_integration
from integrations.services.member_authority import PLATFORM
from integrations.services.memberships import remove_member
from tests.integrations.people import join

pytestmark = pytest.mark.django_db
ACTOR = Actor.system("test")
N8N = {"base_url": "https://n8n.example.com/webhook", "api_key": "n8n_api_key_of_mia_0123456789"}


@pytest.fixture
def mia(tenant: Tenant) -> Membership:
    join(tenant, "olga", Role.OWNER)
    return join(tenant, "mia", Role.MEMBER)


def add(tenant: Tenant, owner: Membership | None = None, **more: Any) -> Integration:
    return add_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=N8N, owner=owner, **more)


def share(integration: Integration, *, may_fill_slot: bool = True, **more: Any) -> Integration:
    return share_integration(actor=ACTOR, integration=integration, may_fill_slot=may_fill_slot, **more)


def unshare(integration: Integration) -> Integration:
    return unshare_integration(actor=ACTOR, integration=integration)


def place(integration: Integration) -> tuple[Any, bool, int]:
    row = Integration.objects.get(id=integration.id)
    return row.owner_id, row.is_default, row.version


def test_there_and_back_keeps_id_and_secrets(tenant: Tenant, mia: Membership) -> None:
    own = add(tenant, mia)
    shared = share(own)
    assert place(own) == (None, True, 2)
    assert shared.config["api_key"].reveal() == N8N["api_key"]
    unshare(shared)
    assert place(own) == (mia.id, True, 3)
    assert Integration.objects.get().config["api_key"].reveal() == N8N["api_key"]
    deeds = ActivityLog.objects.filter(object_id=own.id).order_by("id").values_list("verb", "changed_fields")
    assert list(deeds)[1:] == [("integration.shared", ["owner"]), ("integration.unshared", ["owner"])]


def test_stands_beside_the_default_of_a_filled_slot(tenant: Tenant, mia: Membership) -> None:
    default = add(tenant)
    own = add(tenant, mia)
    share(own)
    assert (place(own), place(default)) == ((None, False, 2), (None, True, 1))


def test_leaves_an_empty_slot_empty_without_the_right_to_fill_it(tenant: Tenant, mia: Membership) -> None:
    own = add(tenant, mia)
    share(own, may_fill_slot=False)
    assert place(own) == (None, False, 2)


def test_comes_back_beside_the_members_new_default(tenant: Tenant, mia: Membership) -> None:
    shared = share(add(tenant, mia))
    newer = add(tenant, mia, name="newer")
    unshare(shared)
    assert (place(shared), place(newer)) == ((mia.id, False, 3), (mia.id, True, 1))


def test_refuses_what_makes_no_sense(tenant: Tenant, mia: Membership) -> None:
    tenants = add(tenant)
    own = add(tenant, mia)
    with pytest.raises(ConflictError, match="belongs to the whole tenant already"):
        share(tenants)
    with pytest.raises(ConflictError, match="Nobody shared it"):
        unshare(tenants)
    with pytest.raises(ConflictError, match="a member's own"):
        unshare(own)
    with pytest.raises(PreconditionFailedError):
        share(own, expected_version=7)
    assert (place(tenants), place(own)) == ((None, True, 1), (mia.id, True, 1))


def test_stays_the_tenants_when_who_shared_it_left(tenant: Tenant, mia: Membership) -> None:
    shared = share(add(tenant, mia))
    remove_member(actor=ACTOR, by=PLATFORM, membership=mia)
    with pytest.raises(ConflictError, match="no member any more"):
        unshare(shared)
    assert place(shared) == (None, True, 2)


def test_is_gone_for_who_knew_it_as_the_members(tenant: Tenant, mia: Membership) -> None:
    own = add(tenant, mia)
    share(own)
    with pytest.raises(NotFoundError):
        share(own)
    assert place(own)[2] == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_at_once_one_fills_the_slot(tenant: Tenant, mia: Membership) -> None:
    olga = Membership.objects.get(user__username="olga")
    rows = [add(tenant, mia), add(tenant, olga)]
    together = Barrier(2)

    def go(row: Integration) -> None:
        together.wait(10)
        share(row)
        connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(go, rows))
    assert sorted(Integration.objects.filter(owner=None).values_list("is_default", flat=True)) == [False, True]
