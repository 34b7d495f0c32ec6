"""Accepting: once, within 72 hours, by the one who holds the link; an account that exists is never taken over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
import time_machine
from django.db import connection

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError, ServiceError
from integrations.models import ActivityLog, Invitation, Membership, Role, Tenant, User
from integrations.services.accepting_invitations import (
    Accepted,
    accept_as,
    accept_as_new_person,
    open_invitation,
)
from integrations.services.invitations import invite_member, resend_invitation, withdraw_invitation
from integrations.services.member_authority import PLATFORM
from integrations.services.memberships import add_member
from integrations.services.tenants import delete_tenant, update_tenant
from tests.integrations.people import PASSWORD, person

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACTOR = Actor.system("test")


def invite(tenant: Tenant, email: str = "Grace@Example.com", role: Role = Role.ADMIN) -> str:
    """Invite and return the token of the link."""
    link = invite_member(actor=ACTOR, by=PLATFORM, tenant=tenant, email=email, role=role).link
    assert link is not None
    return link.rsplit("/", 1)[1]


def accept(token: str, password: str = PASSWORD) -> Accepted:
    opened = open_invitation(token=token)
    if opened.person is None:
        return accept_as_new_person(opened=opened, password=password)
    return accept_as(opened=opened, user=opened.person)


def people() -> list[str]:
    return sorted(Membership.objects.values_list("user__username", flat=True))


def test_new_person_gets_an_account_and_the_role(tenant: Tenant) -> None:
    accepted = accept(invite(tenant))
    user = User.objects.get(username="grace@example.com")
    assert (user.email, user.is_staff, user.is_superuser, user.platform_role) == ("grace@example.com", False, False, "")
    assert user.check_password(PASSWORD)
    assert (accepted.user, accepted.is_new_person) == (user, True)
    assert (accepted.membership.tenant_id, accepted.membership.role) == (tenant.id, "admin")
    verbs = set(ActivityLog.objects.filter(actor_id=user.id).values_list("verb", "tenant_id"))
    assert verbs == {("user.created", None), ("invitation.accepted", tenant.id), ("member.added", tenant.id)}


def test_link_works_once(tenant: Tenant) -> None:
    token = invite(tenant)
    accept(token)
    with pytest.raises(ConflictError, match=r"^This invitation was accepted already: log in\.$"):
        open_invitation(token=token)
    assert people() == ["grace@example.com"]


@pytest.mark.parametrize("password", ["", "short", "12345678901", "password123", "grace@example.com"])
def test_password_that_the_rules_refuse_uses_up_nothing(tenant: Tenant, password: str) -> None:
    token = invite(tenant)
    with pytest.raises(InvalidInputError) as refusal:
        accept(token, password)
    assert list(refusal.value.errors) == ["password"]
    assert not User.objects.filter(username="grace@example.com").exists()
    accept(token)


def test_person_with_an_account_becomes_a_member_with_it(tenant: Tenant) -> None:
    grace = person("grace")
    accepted = accept(invite(tenant))
    assert (accepted.user, accepted.is_new_person) == (grace, False)
    assert people() == ["grace"]
    assert User.objects.get(username="grace").check_password(PASSWORD)


def test_somebody_else_cannot_accept(tenant: Tenant) -> None:
    person("grace")
    eve = person("eve")
    opened = open_invitation(token=invite(tenant))
    with pytest.raises(NotAllowedError, match="for somebody else"):
        accept_as(opened=opened, user=eve)
    assert people() == []
    assert Invitation.objects.get().accepted_at is None


def test_deactivated_account_cannot_accept(tenant: Tenant) -> None:
    person("grace")
    User.objects.filter(username="grace").update(is_active=False)
    opened = open_invitation(token=invite(tenant))
    assert opened.person is not None
    with pytest.raises(NotAllowedError):
        accept_as(opened=opened, user=opened.person)
    assert people() == []


def test_member_by_other_means_keeps_their_role(tenant: Tenant) -> None:
    token = invite(tenant, role=Role.OWNER)
    add_member(actor=ACTOR, tenant=tenant, user=person("grace"), role=Role.MEMBER)
    assert accept(token).membership.role == Role.MEMBER
    assert people() == ["grace"]
    assert Invitation.objects.get().accepted_at is not None


def test_name_that_somebody_else_logs_in_under_is_refused(tenant: Tenant) -> None:
    User.objects.create_user("grace@example.com", "other@example.com")
    with pytest.raises(ConflictError, match=r"^An account named grace@example\.com exists by now"):
        accept(invite(tenant))
    assert people() == []
    assert Invitation.objects.get().accepted_at is None


@pytest.mark.parametrize(
    "token",
    ["", "sb_invite_", "sb_invite_" + "x" * 43, "x" * 5_000, "sb_invite_" + "é" * 43, "sb_invite_" + "x" * 42 + "\x00"],
    ids=["empty", "start", "unknown", "long", "not-ascii", "nul"],
)
def test_token_that_is_none_leads_nowhere(db: None, token: str) -> None:
    with pytest.raises(NotFoundError):
        open_invitation(token=token)


@time_machine.travel(NOON, tick=False)
def test_link_ends_after_72_hours(tenant: Tenant) -> None:
    token = invite(tenant)
    with time_machine.travel(NOON + timedelta(hours=72) - timedelta(seconds=1), tick=False):
        opened = open_invitation(token=token)
    with time_machine.travel(NOON + timedelta(hours=72), tick=False):
        with pytest.raises(ConflictError, match="has expired"):
            open_invitation(token=token)
        with pytest.raises(ConflictError):
            accept_as_new_person(opened=opened, password=PASSWORD)
    assert not User.objects.filter(username="grace@example.com").exists()


def test_old_link_ends_with_a_newer_one_or_when_withdrawn(tenant: Tenant) -> None:
    token = invite(tenant)
    opened = open_invitation(token=token)
    args: dict[str, Any] = {"actor": ACTOR, "by": PLATFORM, "tenant": tenant, "invitation_id": opened.invitation.id}
    resend_invitation(**args)
    with pytest.raises(NotFoundError, match="newer one"):
        open_invitation(token=token)
    with pytest.raises(ConflictError, match="a moment ago"):
        accept_as_new_person(opened=opened, password=PASSWORD)
    withdraw_invitation(**args)
    assert people() == []


def test_inactive_and_deleted_tenants_take_nobody_in(tenant: Tenant, admin_actor: Actor) -> None:
    token = invite(tenant)
    opened = open_invitation(token=token)
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)
    for deed in (lambda: open_invitation(token=token), lambda: accept_as_new_person(opened=opened, password=PASSWORD)):
        with pytest.raises(NotAllowedError, match="Acme is inactive"):
            deed()
    delete_tenant(actor=admin_actor, tenant=tenant)
    with pytest.raises(NotFoundError):
        open_invitation(token=token)
    with pytest.raises(NotAllowedError):
        accept_as_new_person(opened=opened, password=PASSWORD)
    assert people() == []
    assert not User.objects.filter(username="grace@example.com").exists()


# --- At the same moment ---------------------------------------------------------------------------------------------


def at_once(tokens: list[str]) -> list[Any]:
    barrier = Barrier(len(tokens))

    def run(token: str) -> Any:
        try:
            opened = open_invitation(token=token)
            barrier.wait(timeout=10)
            if opened.person is None:
                return accept_as_new_person(opened=opened, password=PASSWORD)
            return accept_as(opened=opened, user=opened.person)
        except ServiceError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(tokens)) as pool:
        return list(pool.map(run, tokens))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("has_account", [False, True])
def test_clicks_at_once_make_one_member(tenant: Tenant, *, has_account: bool) -> None:
    if has_account:
        person("grace")
    outcomes = at_once([invite(tenant)] * 5)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted"] + ["ConflictError"] * 4
    assert people() == ["grace" if has_account else "grace@example.com"]
    assert ActivityLog.objects.filter(verb="member.added", tenant_id=tenant.id).count() == 1


@pytest.mark.django_db(transaction=True)
def test_new_person_who_accepts_two_tenants_at_once_has_one_account(tenant: Tenant, other_tenant: Tenant) -> None:
    tokens = [invite(tenant), invite(other_tenant)]
    outcomes = at_once(tokens)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Accepted", "ConflictError"]
    assert User.objects.filter(email="grace@example.com").count() == 1
    left = next(token for token, outcome in zip(tokens, outcomes, strict=True) if isinstance(outcome, Exception))
    accept(left)  # the link that lost is not used up
    assert people() == ["grace@example.com"] * 2
