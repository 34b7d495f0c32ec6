"""What a credential of `/api/v1` opens: one tenant, and some of what can be done there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from integrations.activity.actor import Actor
from integrations.scopes import allows

if TYPE_CHECKING:
    from integrations.models import Membership, Tenant


@dataclass(frozen=True, slots=True)
class TenantAccess:
    """`request.auth` of a tenant's request, found by authentication before any scope is open.

    `membership` is the person's for an access token, None for an API key, whose id is then in `api_key_id`.
    """

    tenant: Tenant
    scopes: frozenset[str]
    actor: Actor
    membership: Membership | None = None
    api_key_id: UUID | None = None
    requests_per_hour: int | None = None

    def allows(self, scope: str) -> bool:
        """Tell whether this credential has a scope, itself or by a wildcard."""
        return allows(self.scopes, scope)
