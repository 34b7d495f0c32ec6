"""What a credential may do in its tenant: the scopes of API keys, and what each role of a member comes to in scopes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum, StrEnum
from typing import Final

from integrations.models.tenant import Role


class Scope(StrEnum):
    """One permission, `area:action`. A credential without it is refused: nothing is allowed by default."""

    EVENTS_WRITE = "events:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    DELIVERIES_READ = "deliveries:read"
    DELIVERIES_RETRY = "deliveries:retry"
    ANALYTICS_READ = "analytics:read"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    INTEGRATIONS_READ = "integrations:read"
    INTEGRATIONS_WRITE = "integrations:write"
    INTEGRATIONS_USE = "integrations:use"
    MESSAGES_READ = "messages:read"
    MESSAGES_SEND = "messages:send"
    ACTIVITY_READ = "activity:read"
    KEYS_MANAGE = "keys:manage"
    MEMBERS_READ = "members:read"
    MEMBERS_MANAGE = "members:manage"


class AnyOf(frozenset[Scope]):
    """What a view needs whose own rules tell apart, row by row, what each of several scopes opens."""

    def __str__(self) -> str:
        return " or ".join(sorted(self))


class _Valid(Enum):
    CREDENTIAL = "any valid credential"

    def __str__(self) -> str:
        return self.value


ANY_CREDENTIAL: Final = _Valid.CREDENTIAL
"""What a view needs that tells a credential about itself alone."""

Needed = Scope | AnyOf | _Valid
"""What a view may declare for a method in `scopes`."""

ALL: Final = "*"

_MEMBER: Final = frozenset(
    {
        Scope.EVENTS_WRITE,
        Scope.WEBHOOKS_READ,
        Scope.DELIVERIES_READ,
        Scope.DELIVERIES_RETRY,
        Scope.ANALYTICS_READ,
        Scope.ALERTS_READ,
        Scope.INTEGRATIONS_READ,
        Scope.INTEGRATIONS_USE,
        Scope.MESSAGES_READ,
        Scope.MESSAGES_SEND,
        Scope.MEMBERS_READ,
    }
)
# What sets an owner apart from an admin is no scope: only owners make owners (`services.memberships`).
ROLE_SCOPES: Final[dict[str, frozenset[str]]] = {
    Role.OWNER: frozenset({ALL}),
    Role.ADMIN: frozenset({ALL}),
    Role.MEMBER: frozenset(str(scope) for scope in _MEMBER),
}


def allows(granted: Collection[str], needed: str) -> bool:
    """Tell whether granted scopes, which may be wildcards (`*`, `webhooks:*`), contain the one that is needed."""
    area, _, _action = needed.partition(":")
    return needed in granted or f"{area}:{ALL}" in granted or ALL in granted


def meets(granted: Collection[str], needed: Needed) -> bool:
    """Tell whether granted scopes are enough for what a view declares."""
    if needed is ANY_CREDENTIAL:
        return True
    if isinstance(needed, AnyOf):
        return any(allows(granted, scope) for scope in needed)
    return allows(granted, str(needed))


def is_known(scope: str) -> bool:
    """Tell whether this is a scope, or a wildcard that stands for at least one."""
    if scope == ALL:
        return True
    area, _, action = scope.partition(":")
    return any(scope == known or (action == ALL and known.startswith(f"{area}:")) for known in Scope)


def expanded(granted: Iterable[str]) -> frozenset[Scope]:
    """Return the single scopes that granted ones stand for; unknown ones stand for nothing."""
    given = frozenset(granted)
    return frozenset(scope for scope in Scope if allows(given, scope))
