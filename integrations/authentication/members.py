"""Authentication of a tenant's members on `/api/v1`: the access token of a person, and the tenant that they name."""

from __future__ import annotations

from typing import Final

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from integrations.activity.actor import Actor
from integrations.authentication.access import TenantAccess
from integrations.authentication.drf import JWTAuthentication
from integrations.errors import InvalidInputError
from integrations.models import Membership, Tenant, User
from integrations.scopes import ROLE_SCOPES

TENANT_HEADER: Final = "X-Signalbox-Tenant"


class MemberAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token>`; who belongs to several tenants names one in `X-Signalbox-Tenant`.

    Platform staff have no access here unless they are members: the platform API is theirs.
    """

    def authenticate(self, request: Request) -> tuple[User, TenantAccess] | None:  # type: ignore[override]
        authenticated = super().authenticate(request)
        if authenticated is None:
            return None
        user, _ = authenticated
        membership = _membership(user, request.headers.get(TENANT_HEADER))
        access = TenantAccess(
            tenant=membership.tenant,
            scopes=ROLE_SCOPES[membership.role],
            actor=Actor.of(user, request),
            membership=membership,
        )
        return user, access


def _membership(user: User, named: str | None) -> Membership:
    """Return the person's membership in the tenant that is named, or in their only one."""
    memberships = Membership.objects.select_related("tenant").filter(user=user, tenant__deleted_at=None)
    if named is not None:
        found = memberships.filter(tenant__in=Tenant.objects.identified_by(named)).first()
        if found is None:
            raise PermissionDenied(f"You are no member of the tenant that {TENANT_HEADER} names.")
        return found
    first_two = list(memberships.order_by("tenant_id")[:2])
    if not first_two:
        raise PermissionDenied("You are not a member of any tenant.")
    if len(first_two) > 1:
        raise InvalidInputError({TENANT_HEADER: ["You belong to several tenants: name one by its id or slug."]})
    return first_two[0]
