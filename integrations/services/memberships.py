"""Who may act for a tenant."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, Membership, Role, Tenant, User


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


def change_role(*, actor: Actor, membership: Membership, role: Role) -> Membership:
    """Give a member another role. Raises ConflictError when the tenant would be left without an owner."""
    user_name = membership.user.username
    with tenant_scope(membership.tenant_id):
        owners = _lock_owners(membership)
        current = Membership.objects.get(id=membership.id)
        if current.role == role:
            return current
        if owners == [current.id]:
            raise ConflictError("This is the tenant's last owner: make somebody else an owner first.")
        current.role = role
        current.save(update_fields=["role"])
        _record(actor, "member.role_changed", current, user_name, changed_fields=["role"])
        return current


def remove_member(*, actor: Actor, membership: Membership, share_integrations: bool) -> None:
    """Take a person out of the tenant; what they own is shared with the tenant, or deleted with them.

    Raises ConflictError for the last owner, and when an integration to be shared meets one in the same slot.
    """
    user_name = membership.user.username
    with tenant_scope(membership.tenant_id):
        if _lock_owners(membership) == [membership.id]:
            raise ConflictError("This is the tenant's last owner: make somebody else an owner first.")
        owned = Integration.objects.filter(tenant_id=membership.tenant_id, owner_id=membership.id)
        if share_integrations:
            try:
                with transaction.atomic():
                    owned.update(owner=None)
            except IntegrityError as error:
                raise ConflictError(
                    "The tenant has a shared integration in the same slot: delete one of the two first."
                ) from error
        else:
            owned.delete()
        _record(actor, "member.removed", membership, user_name)
        membership.delete()


def _lock_owners(membership: Membership) -> list[object]:
    """Lock the tenant's owners in id order, so that two of them cannot leave at the same moment."""
    owners = Membership.objects.select_for_update().filter(tenant_id=membership.tenant_id, role=Role.OWNER)
    return list(owners.order_by("id").values_list("id", flat=True))


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
