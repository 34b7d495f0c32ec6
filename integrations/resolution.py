"""Which credentials a call uses: the user's own, else the tenant's, else the platform's from the environment.

Only what is enabled counts: whoever switches their own off uses the tenant's again. The answer says which one it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from django.db.models import F, Q

from integrations.errors import ConflictError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, Tenant
from integrations.providers.base import Provider
from integrations.providers.environment import environment_values
from integrations.providers.registry import get_provider, providers_of_slot, slot_label
from integrations.providers.values import Values


class Source(StrEnum):
    """Whose credentials they are."""

    USER = "user"
    TENANT = "tenant"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Resolved:
    """The credentials to use. `integration` is None for the platform's own."""

    source: Source
    provider: Provider
    integration: Integration | None = None

    def values(self) -> Values:
        """Open the values for the length of a call. Raises EncryptionError when a stored secret cannot be read."""
        if self.integration is None:
            return Values(self.provider, environment_values(self.provider).values)
        return Values.revealed(self.provider, self.integration.config)

    def require(self, name: str) -> Resolved:
        """Return this; raises ConflictError when the integration, or this capability or action of it, is switched off."""
        row = self.integration
        if row is not None and not row.enabled:
            raise ConflictError(f"{row.name} is switched off: activate the integration.")
        if row is not None and not row.allows(name):
            raise ConflictError(f"{name} is switched off for {row.name}: set capabilities.{name} to true to use it.")
        return self


def resolve_slot(
    *, tenant: Tenant, slot: str, membership_id: UUID | None = None, capability: str | None = None
) -> Resolved:
    """Return what a call of this member, or of the tenant's backend, uses in a slot.

    The default of the member's own slot, then the tenant's default, then the first provider of the slot for which the
    environment has all required fields. Raises NotFoundError, which says what is missing, and ConflictError when
    `capability`, the name of a capability or an action, is switched off for what would be used: whoever did that means
    it not to be done, and not to be done with other credentials. Opens the tenant's scope.
    """
    possible = providers_of_slot(slot)
    if not possible:
        raise NotFoundError(f"There is no slot {slot}.")
    found = _resolved(tenant, possible, Q(slot=slot, is_default=True), membership_id, slot_label(slot))
    return found if capability is None else found.require(capability)


def resolve_provider(
    *, tenant: Tenant, provider: str, membership_id: UUID | None = None, capability: str | None = None
) -> Resolved:
    """Return what a call to one provider uses: as `resolve_slot`, but of this provider, a slot's default first."""
    declared = get_provider(provider)
    found = _resolved(tenant, [declared], Q(), membership_id, declared.label)
    return found if capability is None else found.require(capability)


def resolved_of(integration: Integration) -> Resolved:
    """Return an integration that the caller chose as what is used, enabled or not. Raises UnknownProviderError."""
    source = Source.TENANT if integration.owner_id is None else Source.USER
    return Resolved(source, get_provider(integration.provider), integration)


def _resolved(
    tenant: Tenant, possible: Sequence[Provider], wanted: Q, membership_id: UUID | None, label: str
) -> Resolved:
    owners = Q(owner=None) if membership_id is None else Q(owner=None) | Q(owner_id=membership_id)
    with tenant_scope(tenant):
        rows = Integration.objects.filter(
            wanted, owners, tenant_id=tenant.id, provider__in=[provider.key for provider in possible]
        )
        # A member's own before the tenant's; of several the default, then the oldest.
        found = list(rows.order_by(F("owner_id").asc(nulls_last=True), "-is_default", "id"))
    usable = next((row for row in found if row.enabled), None)
    if usable is not None:
        return resolved_of(usable)
    for provider in possible:
        if environment_values(provider).is_complete:
            return Resolved(Source.ENVIRONMENT, provider)
    if found:
        raise NotFoundError(f"{label} is switched off: activate the integration.")
    raise NotFoundError(f"{label} is not connected: add an integration of {' or '.join(p.label for p in possible)}.")
