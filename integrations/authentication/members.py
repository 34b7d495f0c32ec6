"""Authentication of a tenant's members on `/api/v1`: the access token of a person, and the tenant that they name."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request

from integrations.activity.actor import Actor
from integrations.authentication.access import TenantAccess
from integrations.authentication.drf import JWTAuthentication
from integrations.authentication.membership_lookup import membership_in, memberships_of
from integrations.errors import InvalidInputError
from integrations.models import Membership, User
from integrations.models.tenant import SLUG_PATTERN
from integrations.scopes import ROLE_SCOPES
from integrations.tenant_lookup import is_uuid

TENANT_HEADER: Final = "X-Signalbox-Tenant"
_MOST_TENANTS_NAMED: Final = 20


class MemberAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token>`; who belongs to several tenants names one in `X-Signalbox-Tenant`.

    Platform staff have no access here unless they are members: the platform API is theirs. Members of an inactive
    tenant may read, and nothing else. Two queries: the person, and the membership with its tenant.
    """

    def authenticate(self, request: Request) -> tuple[User, TenantAccess] | None:  # type: ignore[override]
        authenticated = super().authenticate(request)
        if authenticated is None:
            return None
        user, _ = authenticated
        named = request.headers.get(TENANT_HEADER)
        membership = _only_membership(user) if named is None else _named_membership(user, named.strip())
        membership.user = user
        if not membership.tenant.is_active and request.method not in SAFE_METHODS:
            raise PermissionDenied("The tenant is inactive: its members may read, and change nothing.")
        access = TenantAccess(
            tenant=membership.tenant,
            scopes=ROLE_SCOPES[membership.role],
            actor=Actor.of(user, request),
            membership=membership,
        )
        return user, access


def _named_membership(user: User, named: str) -> Membership:
    if is_uuid(named):
        found = membership_in(user.id, UUID(named))
    elif re.fullmatch(SLUG_PATTERN, named):
        found = membership_in(user.id, named)
    else:
        raise InvalidInputError({TENANT_HEADER: ["Must be the id or the slug of one of your tenants."]})
    if found is None:  # the same answer for a tenant that does not exist: nobody may find out who is a customer
        raise PermissionDenied(f"You are no member of the tenant that {TENANT_HEADER} names.")
    return found


def _only_membership(user: User) -> Membership:
    found = memberships_of(user.id, at_most=_MOST_TENANTS_NAMED)
    if not found:
        raise PermissionDenied("You are not a member of any tenant.")
    if len(found) > 1:
        slugs = ", ".join(membership.tenant.slug for membership in found)
        raise InvalidInputError(
            {TENANT_HEADER: [f"You belong to several tenants: name one by its id or slug: {slugs}."]}
        )
    return found[0]
