"""Inviting people, sending an invitation again, withdrawing it.

A link is made when it is first needed: at once, and returned to the inviter, where the site sends no mail; else by
`services.invitation_mails`, so that no token waits in the database or in the queue. Asking for one more link ends the
one before. All of a tenant's invitations are written under one lock, which the daily limit needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Min, Sum
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, InvalidInputError, LimitReachedError, NotFoundError
from integrations.invitation_tokens import hash_of, link_of, new_token
from integrations.isolation.guard import outside_scope
from integrations.isolation.scope import tenant_scope
from integrations.member_queries import PEOPLE
from integrations.models import Invitation, InvitationState, Membership, Role, Tenant
from integrations.models.invitation import VALID_FOR
from integrations.people import user_by_email
from integrations.queue import request_invitation_mails
from integrations.services.invitation_mails import mail_is_configured
from integrations.services.member_authority import MemberAuthority
from integrations.services.memberships import acting_authority

MOST_LINKS: Final = 50
PER: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Invited:
    """An invitation and, only where the site sends no mail, its link, which nobody can ever read again."""

    invitation: Invitation
    link: str | None

    def __repr__(self) -> str:
        return f"Invited({self.invitation.id})"


def invite_member(*, actor: Actor, by: MemberAuthority, tenant: Tenant, email: str, role: str) -> Invited:
    """Invite an address, in whatever case, to become a member.

    Raises InvalidInputError, NotAllowedError for a role beyond `by`, ConflictError when the address is a member's or is
    invited already, LimitReachedError after 50 links in 24 hours, NotFoundError when the tenant is gone.
    """
    address = _address(email)
    wanted = _role(role)
    with outside_scope(PEOPLE):
        person = user_by_email(address)
    with _one_at_a_time(tenant.id, by) as authority:
        authority.require(wanted)
        if person and Membership.objects.filter(tenant_id=tenant.id, user_id=person.id).exists():
            raise ConflictError(f"{address} is a member already.")
        now = timezone.now()
        _replace_expired(tenant.id, address, now)
        _refuse_above_limit(tenant.id, now)
        invitation = Invitation(tenant_id=tenant.id, email=address, role=wanted)
        link = _give_link(invitation, actor, now)
        invitation.save(force_insert=True)
        _record(actor, "invitation.created", invitation, f"as {wanted}")
    return Invited(invitation, link)


def resend_invitation(*, actor: Actor, by: MemberAuthority, tenant: Tenant, invitation_id: UUID) -> Invited:
    """Give an invitation, also one that has expired, a new link for another 72 hours; the old link ends.

    Whoever sends it again answers for it from then on. Raises what `invite_member` raises; ConflictError for one that
    was accepted or withdrawn.
    """
    with _one_at_a_time(tenant.id, by) as authority:
        invitation = _locked(tenant.id, invitation_id)
        authority.require(invitation.role)
        now = timezone.now()
        _refuse_ended(invitation, now, "invite the person again")
        _refuse_above_limit(tenant.id, now)
        invitation.times_sent += 1
        link = _give_link(invitation, actor, now)
        invitation.save()
        _record(actor, "invitation.resent", invitation)
    return Invited(invitation, link)


def withdraw_invitation(*, actor: Actor, by: MemberAuthority, tenant: Tenant, invitation_id: UUID) -> None:
    """End an invitation's link. Withdrawing again does nothing.

    Raises NotFoundError, NotAllowedError, ConflictError for one that was accepted.
    """
    with _one_at_a_time(tenant.id, by) as authority:
        invitation = _locked(tenant.id, invitation_id)
        authority.require(invitation.role)
        if invitation.withdrawn_at is not None:
            return
        _refuse_ended(invitation, timezone.now(), "remove the member instead")
        invitation.withdrawn_at = timezone.now()
        invitation.mail_due_at = None
        invitation.save(update_fields=["withdrawn_at", "mail_due_at"])
        _record(actor, "invitation.withdrawn", invitation)


@contextmanager
def _one_at_a_time(tenant_id: UUID, by: MemberAuthority) -> Iterator[MemberAuthority]:
    """Open the tenant's scope, in which nobody else writes its invitations; yield the authority as it is by now."""
    with tenant_scope(tenant_id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"invitations of {tenant_id}"])
        if not Tenant.objects.existing().filter(id=tenant_id).exists():
            raise NotFoundError("There is no such tenant.")
        concerned = [by.membership_id] if by.membership_id else []
        acting = Membership.objects.select_for_update().filter(tenant_id=tenant_id, id__in=concerned).order_by("id")
        yield acting_authority(by, acting)


def _give_link(invitation: Invitation, actor: Actor, now: datetime) -> str | None:
    """Set what a new link changes. Its mail goes out after the commit; without mail, return the link."""
    invitation.invited_by_id = actor.user_id
    invitation.invited_by_name = actor.name
    invitation.last_link_at = now
    invitation.expires_at = now + VALID_FOR
    invitation.sent_at = None
    invitation.mail_failures = 0
    if mail_is_configured():
        invitation.token_hash = None
        invitation.mail_due_at = now
        transaction.on_commit(request_invitation_mails)
        return None
    token = new_token()
    invitation.token_hash = hash_of(token)
    invitation.mail_due_at = None
    return link_of(token)


def _replace_expired(tenant_id: UUID, address: str, now: datetime) -> None:
    found = Invitation.objects.open().select_for_update().filter(tenant_id=tenant_id, email=address).first()
    if found is None:
        return
    if found.state_at(now) == InvitationState.PENDING:
        raise ConflictError(f"{address} is invited already: send that invitation again, or withdraw it.")
    found.withdrawn_at = now
    found.save(update_fields=["withdrawn_at"])


def _refuse_above_limit(tenant_id: UUID, now: datetime) -> None:
    """Invitations are mails to strangers in the site's name: nobody sends many. One sent again counts with all its links."""
    lately = Invitation.objects.filter(tenant_id=tenant_id, last_link_at__gt=now - PER)
    sums = lately.aggregate(links=Sum("times_sent"), first=Min("last_link_at"))
    if (sums["links"] or 0) >= MOST_LINKS:
        seconds = max(1, int((sums["first"] + PER - now).total_seconds()))
        raise LimitReachedError(f"A tenant sends at most {MOST_LINKS} invitations in 24 hours.", seconds)


def _refuse_ended(invitation: Invitation, now: datetime, way_out: str) -> None:
    if invitation.accepted_at is not None or invitation.withdrawn_at is not None:
        raise ConflictError(f"This invitation is {invitation.state_at(now)}: {way_out}.")


def _locked(tenant_id: UUID, invitation_id: UUID) -> Invitation:
    found = Invitation.objects.select_for_update().filter(tenant_id=tenant_id, id=invitation_id).first()
    if found is None:
        raise NotFoundError("There is no such invitation.")
    return found


def _address(email: str) -> str:
    address = email.strip().lower()
    try:
        Invitation._meta.get_field("email").run_validators(address)
    except ValidationError as error:
        raise InvalidInputError({"email": error.messages}) from None
    if not address:
        raise InvalidInputError({"email": ["This field is required."]})
    return address


def _role(role: str) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise InvalidInputError({"role": [f"Must be one of {', '.join(Role.values)}."]}) from None


def _record(actor: Actor, verb: str, invitation: Invitation, detail: str = "") -> None:
    record_activity(actor=actor, verb=verb, target=invitation, tenant_id=invitation.tenant_id, detail=detail)
