"""Accepting invitations: the one who holds the link becomes a member, once.

The invitation is marked as accepted by an update that only the first can make; account and membership come with it in
the same transaction. An account that exists is never taken over by a link: its holder proves who they are before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from integrations.activity.actor import Actor
from integrations.activity.models import ActorKind
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.invitation_tokens import hash_of
from integrations.isolation.scope import tenant_scope
from integrations.models import Invitation, InvitationState, Membership, Tenant, User
from integrations.people import user_by_email

_ENDED: Final = {
    InvitationState.ACCEPTED: "This invitation was accepted already: log in.",
    InvitationState.WITHDRAWN: "This invitation was withdrawn: ask for another one.",
    InvitationState.EXPIRED: "This invitation has expired: ask for another one.",
}


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that can be accepted at this moment, its tenant, and the account that its address has, if any."""

    invitation: Invitation
    tenant: Tenant
    person: User | None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The membership that came of an invitation, and whether the account was made by it."""

    membership: Membership
    tenant: Tenant
    user: User
    is_new_person: bool


@sensitive_variables("token")
def open_invitation(*, token: str) -> OpenInvitation:
    """Return what a link leads to. Looks across tenants, as authentication does.

    Raises NotFoundError for a token that was never one or was replaced by a newer link, ConflictError for an invitation
    that was accepted, withdrawn or has expired, NotAllowedError while its tenant is inactive.
    """
    token_hash = hash_of(token)
    rows = Invitation.objects.select_related("tenant").filter(tenant__deleted_at=None)
    invitation = rows.filter(token_hash=token_hash).first() if token_hash else None
    if invitation is None:
        raise NotFoundError("This link is not valid, or a newer one has taken its place: use the newest mail.")
    state = invitation.state_at(timezone.now())
    if state in _ENDED:
        raise ConflictError(_ENDED[state])
    if not invitation.tenant.is_active:
        raise NotAllowedError(f"{invitation.tenant.name} is inactive at present: its invitations cannot be accepted.")
    return OpenInvitation(invitation, invitation.tenant, user_by_email(invitation.email))


@sensitive_variables()
def accept_as_new_person(*, opened: OpenInvitation, password: str, actor_address: str | None = None) -> Accepted:
    """Make an account, whose username is the invited address, and accept.

    Raises InvalidInputError for a password that the site's rules refuse, ConflictError when the invitation was used
    meanwhile or somebody has the account's name by now.
    """
    email = opened.invitation.email
    person = User(username=email, email=email)
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise InvalidInputError({"password": error.messages}) from None
    person.password = make_password(password)  # slow on purpose: before the transaction
    try:
        return _accept(opened, person, actor_address)
    except IntegrityError:
        # The same person may have followed another tenant's invitation at this moment.
        raise ConflictError(f"An account named {email} exists by now: open the link again and log in.") from None


def accept_as(*, opened: OpenInvitation, user: User, actor_address: str | None = None) -> Accepted:
    """Accept for an account whose holder has just proved who they are.

    Raises NotAllowedError for an account with another address, ConflictError when the invitation was used meanwhile.
    Who has become a member by other means keeps their role.
    """
    if opened.person is None or opened.person.pk != user.pk or not user.is_active:
        raise NotAllowedError("This invitation is for somebody else: log in with the address that was invited.")
    return _accept(opened, user, actor_address)


def _accept(opened: OpenInvitation, user: User, address: str | None) -> Accepted:
    invitation, is_new = opened.invitation, user._state.adding
    with transaction.atomic():
        now = timezone.now()
        live = Invitation.objects.open().filter(id=invitation.id, token_hash=invitation.token_hash, expires_at__gt=now)
        if not live.update(accepted_at=now, mail_due_at=None):
            raise ConflictError("This invitation was accepted, withdrawn or sent again a moment ago.")
        if is_new:
            user.save(force_insert=True)
        actor = Actor(ActorKind.USER, user.pk, user.get_username(), address, Actor.system().request_id)
        if is_new:
            record_activity(actor=actor, verb="user.created", target=user, tenant_id=None, detail="by an invitation")
        with tenant_scope(opened.tenant):
            if not Tenant.objects.existing().filter(id=opened.tenant.id, is_active=True).exists():
                raise NotAllowedError(f"{opened.tenant.name} is inactive at present: try again later.")
            membership, is_new_member = Membership.objects.get_or_create(
                tenant=opened.tenant, user=user, defaults={"role": invitation.role}
            )
            record_activity(actor=actor, verb="invitation.accepted", target=invitation, tenant_id=opened.tenant.id)
            if is_new_member:
                record_activity(
                    actor=actor,
                    verb="member.added",
                    tenant_id=opened.tenant.id,
                    object_kind="member",
                    object_id=membership.id,
                    object_name=user.get_username(),
                    detail=f"as {membership.role}, invited by {invitation.invited_by_name}",
                )
    return Accepted(membership, opened.tenant, user, is_new)
