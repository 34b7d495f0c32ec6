"""Roles, removal and leaving: who may decide about whom, and what goes with a member."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError, ServiceError
from integrations.models import ActivityLog, Integration, Invitation, InvitationState, Membership, Role, Tenant
from integrations.scopes import ROLE_SCOPES, Scope
from integrations.services.integration_items import add_integration
from integrations.services.integrations import create_integration
from integrations.services.invitations import invite_member
from integrations.services.member_authority import PLATFORM, MemberAuthority, authority_of
from integrations.services.memberships import OwnedIntegrations, add_member, change_role, remove_member
from tests.integrations.people import join, person

N8N = {"base_url": "https://n8n.example.com/webhook"}


@pytest.fixture
def owner(tenant: Tenant) -> Membership:
    return join(tenant, "olga", Role.OWNER)


@pytest.fixture
def admin(tenant: Tenant) -> Membership:
    return join(tenant, "amin", Role.ADMIN)


@pytest.fixture
def member(tenant: Tenant) -> Membership:
    return join(tenant, "mia", Role.MEMBER)


def own_integration(membership: Membership) -> Integration:
    return add_integration(
        actor=Actor.system("test"), tenant=membership.tenant, provider="n8n", values=N8N, owner=membership
    )


def roles() -> dict[str, str]:
    return dict(Membership.objects.values_list("user__username", "role"))


# --- Who may decide about whom --------------------------------------------------------------------------------------


def test_adding_a_member_twice_is_refused(owner: Membership, admin_actor: Actor) -> None:
    with pytest.raises(ConflictError, match=r"^olga is a member of Acme already\.$"):
        add_member(actor=admin_actor, tenant=owner.tenant, user=owner.user, role=Role.MEMBER)
    assert roles() == {"olga": "owner"}


def test_owner_makes_an_owner_and_it_is_logged(owner: Membership, member: Membership, admin_actor: Actor) -> None:
    changed = change_role(actor=admin_actor, by=authority_of(owner), membership=member, role=Role.OWNER)
    assert changed.role == Role.OWNER
    assert roles() == {"olga": "owner", "mia": "owner"}
    entry = ActivityLog.objects.get(verb="member.role_changed")
    assert (entry.object_id, entry.object_name, entry.changed_fields) == (member.id, "mia", ["role"])


def test_the_same_role_again_writes_nothing(owner: Membership, admin_actor: Actor) -> None:
    change_role(actor=admin_actor, by=PLATFORM, membership=owner, role=Role.OWNER)
    assert not ActivityLog.objects.filter(verb="member.role_changed").exists()


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
def test_admin_cannot_unmake_an_owner(owner: Membership, admin: Membership, admin_actor: Actor, role: Role) -> None:
    join(owner.tenant, "otto", Role.OWNER)
    with pytest.raises(NotAllowedError, match=r"^Only an owner decides who is an owner\.$"):
        change_role(actor=admin_actor, by=authority_of(admin), membership=owner, role=role)
    with pytest.raises(NotAllowedError):
        remove_member(actor=admin_actor, by=authority_of(admin), membership=owner)
    assert roles() == {"olga": "owner", "amin": "admin", "otto": "owner"}


def test_admin_cannot_make_an_owner_of_themselves_or_others(
    owner: Membership, admin: Membership, member: Membership, admin_actor: Actor
) -> None:
    for membership in (admin, member):
        with pytest.raises(NotAllowedError):
            change_role(actor=admin_actor, by=authority_of(admin), membership=membership, role=Role.OWNER)
    assert roles() == {"olga": "owner", "amin": "admin", "mia": "member"}


def test_admin_makes_and_unmakes_admins(owner: Membership, admin: Membership, member: Membership) -> None:
    actor = Actor.of(admin.user)
    change_role(actor=actor, by=authority_of(admin), membership=member, role=Role.ADMIN)
    assert roles()["mia"] == "admin"
    change_role(actor=actor, by=authority_of(admin), membership=member, role=Role.MEMBER)
    assert roles()["mia"] == "member"


def test_key_that_manages_members_only_cannot_give_more_than_it_has(owner: Membership, member: Membership) -> None:
    key = MemberAuthority(frozenset({"members:*"}))
    with pytest.raises(NotAllowedError, match=r"^The role member may do more than you: ask an owner or an admin\.$"):
        change_role(actor=Actor.system("key"), by=key, membership=member, role=Role.ADMIN)
    with pytest.raises(NotAllowedError):
        remove_member(actor=Actor.system("key"), by=key, membership=member)
    assert roles() == {"olga": "owner", "mia": "member"}


def test_key_with_every_scope_is_still_no_owner(owner: Membership, member: Membership) -> None:
    key = MemberAuthority(frozenset({"*"}))
    with pytest.raises(NotAllowedError):
        change_role(actor=Actor.system("key"), by=key, membership=member, role=Role.OWNER)
    assert change_role(actor=Actor.system("key"), by=key, membership=member, role=Role.ADMIN).role == Role.ADMIN


def test_role_that_was_taken_a_moment_ago_counts_no_more(
    owner: Membership, admin: Membership, member: Membership, admin_actor: Actor
) -> None:
    was = authority_of(admin)
    change_role(actor=admin_actor, by=PLATFORM, membership=admin, role=Role.MEMBER)
    with pytest.raises(NotAllowedError):
        change_role(actor=admin_actor, by=was, membership=member, role=Role.ADMIN)
    remove_member(actor=admin_actor, by=PLATFORM, membership=admin)
    with pytest.raises(NotAllowedError, match=r"^You are no longer a member of this tenant\.$"):
        remove_member(actor=admin_actor, by=was, membership=member)
    assert roles() == {"olga": "owner", "mia": "member"}


def test_only_the_role_of_member_lacks_scopes() -> None:
    assert ROLE_SCOPES[Role.OWNER] == ROLE_SCOPES[Role.ADMIN] == {"*"}
    assert ROLE_SCOPES[Role.MEMBER].isdisjoint(
        {
            Scope.ACTIVITY_READ,
            Scope.INTEGRATIONS_WRITE,
            Scope.KEYS_MANAGE,
            Scope.MEMBERS_MANAGE,
            Scope.WEBHOOKS_WRITE,
        }
    )


# --- The last owner -------------------------------------------------------------------------------------------------


def test_last_owner_stays(owner: Membership, admin_actor: Actor) -> None:
    for by in (PLATFORM, authority_of(owner)):
        with pytest.raises(ConflictError, match="last owner"):
            change_role(actor=admin_actor, by=by, membership=owner, role=Role.ADMIN)
        with pytest.raises(ConflictError, match="last owner"):
            remove_member(actor=admin_actor, by=by, membership=owner)
    assert roles() == {"olga": "owner"}


@pytest.mark.django_db(transaction=True)
def test_one_owner_remains_when_two_leave_at_the_same_moment(tenant: Tenant) -> None:
    owners = [join(tenant, name, Role.OWNER) for name in ("olga", "otto")]
    barrier = Barrier(2)

    def leave(membership: Membership) -> Any:
        try:
            barrier.wait(timeout=10)
            return remove_member(actor=Actor.of(membership.user), by=authority_of(membership), membership=membership)
        except ServiceError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(leave, owners))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "NoneType"]
    assert list(roles().values()) == ["owner"]


@pytest.mark.django_db(transaction=True)
def test_one_owner_remains_when_two_demote_each_other(tenant: Tenant) -> None:
    olga, otto = (join(tenant, name, Role.OWNER) for name in ("olga", "otto"))
    barrier = Barrier(2)

    def demote(pair: tuple[Membership, Membership]) -> Any:
        actor, other = pair
        try:
            barrier.wait(timeout=10)
            return change_role(actor=Actor.of(actor.user), by=authority_of(actor), membership=other, role=Role.MEMBER)
        except ServiceError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(demote, [(olga, otto), (otto, olga)]))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Membership", "NotAllowedError"]
    assert sorted(roles().values()) == ["member", "owner"]


# --- What goes with a member ----------------------------------------------------------------------------------------


def test_removal_asks_what_becomes_of_owned_integrations(owner: Membership, member: Membership) -> None:
    own_integration(member)
    with pytest.raises(InvalidInputError) as refusal:
        remove_member(actor=Actor.system("test"), by=PLATFORM, membership=member)
    assert refusal.value.errors == {
        "integrations": ["mia owns 1 integration: say what becomes of them, share or delete."]
    }
    assert roles() == {"olga": "owner", "mia": "member"}


def test_shared_integration_is_the_tenants_but_no_default(owner: Membership, member: Membership) -> None:
    own = own_integration(member)
    remove_member(actor=Actor.of(owner.user), by=authority_of(owner), membership=member, owned=OwnedIntegrations.SHARE)
    shared = Integration.objects.get()
    assert (shared.id, shared.owner_id, shared.is_default, shared.version) == (own.id, None, False, 2)
    assert shared.updated_by_name == "olga"
    assert roles() == {"olga": "owner"}
    assert list(ActivityLog.objects.filter(object_id=own.id).values_list("verb", "changed_fields")) == [
        ("integration.updated", ["is_default", "owner"]),
        ("integration.created", ["base_url", "name"]),
    ]


def test_shared_integration_does_not_meet_the_tenants_default(owner: Membership, member: Membership) -> None:
    default = create_integration(actor=Actor.system("test"), tenant=owner.tenant, provider="n8n", values=N8N)
    own = own_integration(member)
    remove_member(actor=Actor.system("test"), by=PLATFORM, membership=member, owned=OwnedIntegrations.SHARE)
    assert dict(Integration.objects.values_list("id", "is_default")) == {default.id: True, own.id: False}


def test_owned_integrations_are_deleted_with_their_owner(owner: Membership, member: Membership) -> None:
    own_integration(member)
    remove_member(actor=Actor.system("test"), by=PLATFORM, membership=member, owned=OwnedIntegrations.DELETE)
    assert not Integration.objects.exists()
    assert ActivityLog.objects.filter(verb__in=["integration.deleted", "member.removed"]).count() == 2


def test_member_leaves_by_themselves(owner: Membership, member: Membership) -> None:
    remove_member(actor=Actor.of(member.user), by=authority_of(member), membership=member)
    assert roles() == {"olga": "owner"}
    assert ActivityLog.objects.get(verb="member.left").actor_name == "mia"
    with pytest.raises(NotFoundError):
        remove_member(actor=Actor.system("test"), by=PLATFORM, membership=member)


@pytest.mark.parametrize("how", ["demoted", "removed"])
def test_invitations_end_with_the_role_of_who_sent_them(
    tenant: Tenant, owner: Membership, how: str, make_tenant: Callable[..., Tenant]
) -> None:
    otto = join(tenant, "otto", Role.OWNER)
    for number, role in enumerate((Role.OWNER, Role.ADMIN)):
        invite_member(
            actor=Actor.of(otto.user), by=authority_of(otto), tenant=tenant, email=f"p{number}@example.com", role=role
        )
    invite_member(
        actor=Actor.of(owner.user), by=authority_of(owner), tenant=tenant, email="kept@example.com", role=Role.OWNER
    )
    if how == "demoted":
        change_role(actor=Actor.of(owner.user), by=authority_of(owner), membership=otto, role=Role.ADMIN)
    else:
        remove_member(actor=Actor.of(owner.user), by=authority_of(owner), membership=otto)
    pending = Invitation.objects.in_state(InvitationState.PENDING, otto.created_at)
    left = {"p1@example.com", "kept@example.com"} if how == "demoted" else {"kept@example.com"}
    assert set(pending.values_list("email", flat=True)) == left
    assert ActivityLog.objects.filter(verb="invitation.withdrawn").count() == 3 - len(left)


def test_person_of_two_tenants_leaves_one(tenant: Tenant, other_tenant: Tenant) -> None:
    user = person("mia")
    here, there = (
        add_member(actor=Actor.system("test"), tenant=each, user=user, role=Role.MEMBER)
        for each in (tenant, other_tenant)
    )
    remove_member(actor=Actor.of(user), by=authority_of(here), membership=here)
    assert list(Membership.objects.all()) == [there]
