"""What platform staff may do: the one place that maps a role to its rights.

Everybody else (a tenant's members, its API keys) has no platform role, and so none of these rights; what they may do in
their tenant is said by scopes (`integrations.scopes`).
"""

from __future__ import annotations

from typing import Final

from django.db import models

HIDDEN: Final = "hidden"
"""What stands in the place of a stored secret for those who may not even see it masked."""


class PlatformRole(models.TextChoices):
    OWNER = "owner", "Owner"
    OPERATOR = "operator", "Operator"
    AUDITOR = "auditor", "Auditor"


_CHANGES: Final = frozenset({PlatformRole.OWNER, PlatformRole.OPERATOR})


def role_of(user: object) -> PlatformRole | None:
    """Return the platform role that a user has at present: none when inactive, owner for every superuser.

    Takes whatever a request may carry as its user, an anonymous one among them.
    """
    if not getattr(user, "is_active", False):
        return None
    if getattr(user, "is_superuser", False):
        return PlatformRole.OWNER
    role = getattr(user, "platform_role", "")
    return PlatformRole(role) if role in PlatformRole.values else None


def may_view(user: object) -> bool:
    """Whether they may use the admin and read the platform API: everybody with a role."""
    return role_of(user) is not None


def may_change(user: object) -> bool:
    """Whether they may change tenants and what belongs to them, and send tests: owners and operators."""
    return role_of(user) in _CHANGES


def may_see_secrets(user: object) -> bool:
    """Whether they may see secrets masked, addresses of webhooks and signing secrets whole: owners and operators."""
    return role_of(user) in _CHANGES


def may_manage_staff(user: object) -> bool:
    """Whether they may make, change, promote, deactivate and unlock people: owners."""
    return role_of(user) is PlatformRole.OWNER
