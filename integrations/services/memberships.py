"""Who may act for a tenant.

Every deed first locks, in the order of their ids, the tenant's owners, the member concerned and the one who acts. So two
owners cannot leave at the same moment, and nobody acts by a role that was taken from them a moment ago. With a person's
role go the invitations that they sent and could no longer send.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.isolation.guard import outside_scope
from integrations.isolation.scope import tenant_scope
from integrations.member_queries import PEOPLE
from integrations.models import Integration, Invitation, Membership, Role, Tenant, User
from integrations.services.member_authority import MemberAuthority, authority_of


class OwnedIntegrations(StrEnum):
    """What becomes of a member's own integrations when they are no member any more."""

    SHARE = "share"
    DELETE = "delete"


def add_member(*, actor: Actor, tenant: Tenant, user: User, role: Role) -> Membership:
    """Give a person a role in the tenant. Raises ConflictError when they have one already."""
    with tenant_scope(tenant):
        try:
            with transaction.atomic():
                membership = Membership.objects.create(tenant=tenant, user=user, role=role)
        except IntegrityError as error:
            raise ConflictError(f"{user.username} is a member of {tenant.name} already.") from error
        _record(actor, "member.added", membership, user.username)
        return membership


def change_role(*, actor: Actor, by: MemberAuthority, membership: Membership, role: Role) -> Membership:
    """Give a member another role.

    Raises ConflictError when the tenant would be left without an owner, NotAllowedError when the old or the new role is
    beyond `by`, NotFoundError when the member has left.
    """
    user_name = _user_name(membership)
    with tenant_scope(membership.tenant_id):
        locked = _lock(membership, by)
        current = locked.member
        locked.authority.require(current.role, role)
        if current.role == role:
            return current
        locked.refuse_for_last_owner()
        current.role = role
        current.save(update_fields=["role"])
        _record(actor, "member.role_changed", current, user_name, changed_fields=["role"])
        _withdraw_invitations(actor, current, authority_of(current))
        return current


def remove_member(
    *, actor: Actor, by: MemberAuthority, membership: Membership, owned: OwnedIntegrations | None = None
) -> None:
    """Take a person out of the tenant; what they own is shared with the tenant, or deleted with them.

    `owned` must be given when there is any. Shared integrations never become a slot's default by this. Anybody may take
    themselves out. Raises InvalidInputError for a missing `owned`, and what `change_role` raises.
    """
    user_name = _user_name(membership)
    with tenant_scope(membership.tenant_id):
        locked = _lock(membership, by)
        current = locked.member
        if by.membership_id != current.id:
            locked.authority.require(current.role)
        locked.refuse_for_last_owner()
        _hand_over(actor, current, user_name, owned)
        _withdraw_invitations(actor, current, MemberAuthority(frozenset()))
        _record(actor, "member.left" if by.membership_id == current.id else "member.removed", current, user_name)
        current.delete()


def acting_authority(by: MemberAuthority, locked: Iterable[Membership]) -> MemberAuthority:
    """Return `by` as it is at this moment, from the locked row of the one who acts. Raises NotAllowedError."""
    if by.membership_id is None:
        return by
    acting = next((row for row in locked if row.id == by.membership_id), None)
    if acting is None:
        raise NotAllowedError("You are no longer a member of this tenant.")
    return authority_of(acting)


@dataclass(frozen=True, slots=True)
class _Locked:
    member: Membership
    owner_ids: list[UUID]
    authority: MemberAuthority

    def refuse_for_last_owner(self) -> None:
        if self.owner_ids == [self.member.id]:
            raise ConflictError("This is the tenant's last owner: make somebody else an owner first.")


def _lock(membership: Membership, by: MemberAuthority) -> _Locked:
    concerned = {membership.id, by.membership_id} - {None}
    wanted = Q(role=Role.OWNER) | Q(id__in=concerned)
    rows = Membership.objects.select_for_update().filter(wanted, tenant_id=membership.tenant_id)
    locked = {row.id: row for row in rows.order_by("id")}
    authority = acting_authority(by, locked.values())
    if membership.id not in locked:
        raise NotFoundError("This person is no member any more.")
    owner_ids = [row.id for row in locked.values() if row.role == Role.OWNER]
    return _Locked(locked[membership.id], owner_ids, authority)


def _hand_over(actor: Actor, membership: Membership, user_name: str, owned: OwnedIntegrations | None) -> None:
    rows = Integration.objects.filter(tenant_id=membership.tenant_id, owner_id=membership.id)
    integrations = list(rows.select_for_update().order_by("id"))
    if not integrations:
        return
    if owned is None:
        count = f"{len(integrations)} integration{'s' if len(integrations) > 1 else ''}"
        raise InvalidInputError(
            {"integrations": [f"{user_name} owns {count}: say what becomes of them, share or delete."]}
        )
    is_shared = owned is OwnedIntegrations.SHARE
    for integration in integrations:
        record_activity(
            actor=actor,
            verb="integration.updated" if is_shared else "integration.deleted",
            target=integration,
            tenant_id=membership.tenant_id,
            changed_fields=["owner", "is_default"] if is_shared else [],
        )
    if is_shared:
        # Not as defaults: what the whole tenant uses is not decided by somebody's leaving.
        rows.update(
            owner=None,
            is_default=False,
            version=F("version") + 1,
            updated_at=timezone.now(),
            updated_by_id=actor.user_id,
            updated_by_name=actor.name,
        )
    else:
        rows.delete()


def _withdraw_invitations(actor: Actor, membership: Membership, left: MemberAuthority) -> None:
    """End the links that a person sent while they could give a role that they can no longer give."""
    pending = Invitation.objects.in_state("pending", timezone.now())
    sent = pending.filter(tenant_id=membership.tenant_id, invited_by_id=membership.user_id)
    for invitation in sent.select_for_update().order_by("id"):
        if left.covers(invitation.role):
            continue
        invitation.withdrawn_at = timezone.now()
        invitation.save(update_fields=["withdrawn_at"])
        record_activity(
            actor=actor,
            verb="invitation.withdrawn",
            target=invitation,
            tenant_id=membership.tenant_id,
            detail="with the role of the person who sent it",
        )


def _user_name(membership: Membership) -> str:
    with outside_scope(PEOPLE):
        return membership.user.username


def _record(
    actor: Actor, verb: str, membership: Membership, user_name: str, changed_fields: list[str] | None = None
) -> None:
    record_activity(
        actor=actor,
        verb=verb,
        tenant_id=membership.tenant_id,
        object_kind="member",
        object_id=membership.id,
        object_name=user_name,
        changed_fields=changed_fields or [],
    )
