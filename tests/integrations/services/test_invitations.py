"""Inviting, sending again, withdrawing: links, limits and who may invite whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, LimitReachedError, NotAllowedError, NotFoundError
from integrations.invitation_tokens import hash_of
from integrations.models import ActivityLog, Invitation, InvitationState, Role, Tenant
from integrations.services import invitations
from integrations.services.invitations import invite_member, resend_invitation, withdraw_invitation
from integrations.services.member_authority import PLATFORM, MemberAuthority, authority_of
from integrations.services.tenants import delete_tenant
from tests.integrations.people import join

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACTOR = Actor.system("test")


def invite(tenant: Tenant, email: str = "grace@example.com", **given: Any) -> Any:
    return invite_member(actor=ACTOR, **{"by": PLATFORM, "tenant": tenant, "email": email, "role": "member", **given})


def token_of(link: str) -> str:
    return link.rsplit("/", 1)[1]


@time_machine.travel(NOON, tick=False)
def test_invitation_without_mail_answers_its_link_and_stores_a_hash(tenant: Tenant) -> None:
    invited = invite(tenant, role="admin")
    assert invited.link is not None
    assert invited.link.startswith("http://127.0.0.1:8000/invitations/sb_invite_")
    stored = Invitation.objects.get()
    assert stored.token_hash == hash_of(token_of(invited.link))
    assert (stored.email, stored.role, stored.times_sent, stored.sent_at) == ("grace@example.com", "admin", 1, None)
    assert stored.expires_at == NOON + timedelta(hours=72)
    assert token_of(invited.link) not in repr(invited)
    entry = ActivityLog.objects.get(verb="invitation.created")
    assert (entry.object_name, entry.detail, entry.tenant_id) == ("grace@example.com", "as admin", tenant.id)


def test_invitation_with_mail_has_no_link_until_the_mail_is_sent(tenant: Tenant, settings: Any) -> None:
    settings.EMAIL_HOST = "smtp.example.com"
    assert invite(tenant).link is None
    stored = Invitation.objects.get()
    assert stored.token_hash is None
    assert stored.mail_due_at is not None


@pytest.mark.parametrize(
    "email",
    [
        "",
        "  ",
        "grace",
        "grace@",
        "a@b@example.com",
        "grace@example.com\nBcc: all@example.com",
        "x" * 140 + "@example.com",
    ],
    ids=["empty", "blank", "no-domain", "half", "two", "header", "long"],
)
def test_wrong_address_is_refused(tenant: Tenant, email: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        invite(tenant, email)
    assert list(refusal.value.errors) == ["email"]
    assert not Invitation.objects.exists()


def test_unknown_role_is_refused(tenant: Tenant) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        invite(tenant, role="king")
    assert refusal.value.errors == {"role": ["Must be one of owner, admin, member."]}


def test_address_of_a_member_is_refused_in_whatever_case(tenant: Tenant) -> None:
    join(tenant, "mia", Role.MEMBER)
    with pytest.raises(ConflictError, match=r"^mia@example\.com is a member already\.$"):
        invite(tenant, " MIA@Example.com ")
    assert not Invitation.objects.exists()


def test_address_is_invited_once_at_a_time(tenant: Tenant, other_tenant: Tenant) -> None:
    invite(tenant)
    with pytest.raises(ConflictError, match="is invited already"):
        invite(tenant, "GRACE@example.com")
    invite(other_tenant)
    assert Invitation.objects.count() == 2


def test_expired_invitation_is_replaced_by_another(tenant: Tenant) -> None:
    with time_machine.travel(NOON, tick=False):
        invite(tenant)
    later = NOON + timedelta(hours=72)
    with time_machine.travel(later, tick=False):
        invite(tenant)
        states = [invitation.state_at(later) for invitation in Invitation.objects.order_by("id")]
        assert states == [InvitationState.EXPIRED, InvitationState.PENDING]
        for state in InvitationState:
            found = Invitation.objects.in_state(state, later)
            assert [each.state_at(later) for each in found] == [state] * states.count(state)


@pytest.mark.parametrize(
    ("inviter", "role", "allowed"),
    [
        ("owner", "owner", True),
        ("admin", "owner", False),
        ("admin", "admin", True),
        ("member", "member", True),
        ("member", "admin", False),
    ],
)
def test_nobody_invites_to_more_than_they_may_do(tenant: Tenant, inviter: str, role: str, *, allowed: bool) -> None:
    membership = join(tenant, "ina", Role(inviter))
    if allowed:
        assert invite(tenant, by=authority_of(membership), role=role).invitation.role == role
        return
    with pytest.raises(NotAllowedError):
        invite(tenant, by=authority_of(membership), role=role)
    assert not Invitation.objects.exists()


def test_key_invites_nobody_to_more_than_it_may_do(tenant: Tenant) -> None:
    with pytest.raises(NotAllowedError):
        invite(tenant, by=MemberAuthority(frozenset({"members:manage"})))
    assert not Invitation.objects.exists()


def test_deleted_tenant_invites_nobody(tenant: Tenant, admin_actor: Actor) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)
    with pytest.raises(NotFoundError):
        invite(tenant)


# --- Again, and not at all ------------------------------------------------------------------------------------------


def test_sending_again_gives_another_link_and_more_time(tenant: Tenant, admin_actor: Actor) -> None:
    with time_machine.travel(NOON, tick=False):
        first = invite(tenant)
    with time_machine.travel(NOON + timedelta(hours=80), tick=False):  # also when it has expired
        second = resend_invitation(actor=admin_actor, by=PLATFORM, tenant=tenant, invitation_id=first.invitation.id)
    assert second.link is not None
    assert second.link != first.link
    stored = Invitation.objects.get()
    assert stored.token_hash == hash_of(token_of(second.link))
    assert (stored.times_sent, stored.expires_at) == (2, NOON + timedelta(hours=152))
    assert stored.invited_by_name == "ada"


def test_withdrawn_invitation_stays_withdrawn(tenant: Tenant) -> None:
    invited = invite(tenant).invitation
    for _ in range(2):
        withdraw_invitation(actor=ACTOR, by=PLATFORM, tenant=tenant, invitation_id=invited.id)
    with pytest.raises(ConflictError, match=r"^This invitation is withdrawn: invite the person again\.$"):
        resend_invitation(actor=ACTOR, by=PLATFORM, tenant=tenant, invitation_id=invited.id)
    assert ActivityLog.objects.filter(verb="invitation.withdrawn").count() == 1
    invite(tenant)  # the address is free again


def test_admin_neither_sends_nor_withdraws_an_owners_invitation(tenant: Tenant) -> None:
    invited = invite(tenant, role="owner").invitation
    by = authority_of(join(tenant, "amin", Role.ADMIN))
    for deed in (resend_invitation, withdraw_invitation):
        with pytest.raises(NotAllowedError):
            deed(actor=ACTOR, by=by, tenant=tenant, invitation_id=invited.id)
    stored = Invitation.objects.get()
    assert (stored.token_hash, stored.withdrawn_at) == (invited.token_hash, None)


def test_another_tenants_invitation_is_not_there(tenant: Tenant, other_tenant: Tenant) -> None:
    invited = invite(tenant).invitation
    for deed in (resend_invitation, withdraw_invitation):
        with pytest.raises(NotFoundError):
            deed(actor=ACTOR, by=PLATFORM, tenant=other_tenant, invitation_id=invited.id)
    assert Invitation.objects.get().withdrawn_at is None


def test_links_are_limited_by_tenant_and_day(
    tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch, make_tenant: Callable[..., Tenant]
) -> None:
    monkeypatch.setattr(invitations, "MOST_LINKS", 3)
    with time_machine.travel(NOON, tick=False):
        first = invite(tenant).invitation
        withdraw_invitation(actor=ACTOR, by=PLATFORM, tenant=tenant, invitation_id=first.id)  # counts all the same
        second = invite(tenant, "b@example.com").invitation
        resend_invitation(actor=ACTOR, by=PLATFORM, tenant=tenant, invitation_id=second.id)
    with time_machine.travel(NOON + timedelta(hours=23), tick=False):
        with pytest.raises(LimitReachedError) as refusal:
            invite(tenant, "c@example.com")
        assert refusal.value.seconds == 3600
        with pytest.raises(LimitReachedError):
            resend_invitation(actor=ACTOR, by=PLATFORM, tenant=tenant, invitation_id=second.id)
        invite(other_tenant)
    with time_machine.travel(NOON + timedelta(hours=24, seconds=1), tick=False):
        invite(tenant, "c@example.com")
    assert Invitation.objects.filter(tenant=tenant).count() == 3
