"""Reads of a tenant's members and invitations.

People's accounts are no tenant's rows, so they are read as the owner. Who is a member, and who is invited, is read in
the tenant's scope.
"""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from integrations.errors import NotFoundError
from integrations.isolation.guard import outside_scope
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, Invitation, Membership, Tenant

PEOPLE = "people's accounts are no tenant's rows"
"""Why members are read outside the tenant's scope."""


def members_of(tenant_id: UUID) -> QuerySet[Membership]:
    """Return a tenant's members with their accounts. Evaluate it within `outside_scope(PEOPLE)`.

    Which memberships these are was read in the tenant's scope: no other condition keeps tenants apart here.
    """
    with tenant_scope(tenant_id):
        ids = list(Membership.objects.filter(tenant_id=tenant_id).order_by("id").values_list("id", flat=True))
    return Membership.objects.select_related("user").filter(id__in=ids)


def get_member(tenant: Tenant, member_id: UUID) -> Membership:
    """Return a member with their account. Raises NotFoundError."""
    with outside_scope(PEOPLE):
        found = members_of(tenant.id).filter(id=member_id).first()
    if found is None:
        raise NotFoundError("There is no such member.")
    return found


def count_owned_integrations(membership: Membership) -> int:
    """Return how many integrations are a member's own."""
    with tenant_scope(membership.tenant_id):
        return Integration.objects.filter(tenant_id=membership.tenant_id, owner_id=membership.id).count()


def get_invitation(tenant: Tenant, invitation_id: UUID) -> Invitation:
    """Return an invitation of the tenant. Raises NotFoundError."""
    with tenant_scope(tenant):
        found = Invitation.objects.filter(tenant_id=tenant.id, id=invitation_id).first()
    if found is None:
        raise NotFoundError("There is no such invitation.")
    return found
