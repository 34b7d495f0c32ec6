"""Reads of integrations: the slots of a tenant, what may be shown of a configuration, the base of webhook addresses."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q, QuerySet

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import CredentialVersion, Integration, Tenant
from integrations.platform_roles import HIDDEN
from integrations.providers.base import Capability, Field
from integrations.providers.field_values import shown_object
from integrations.providers.registry import UnknownProviderError, all_providers, get_provider, slots


def integrations_by_slot(tenant: Tenant) -> dict[str, Integration | None]:
    """Return the tenant's defaults by slot, every slot in the registry's order, None where there is none."""
    with tenant_scope(tenant):
        found = {row.slot: row for row in Integration.objects.filter(tenant=tenant, owner=None, is_default=True)}
    return {slot: found.get(slot) for slot in slots()}


def integration_in_slot(tenant: Tenant, slot: str) -> Integration:
    """Return the tenant's default in a slot. Raises NotFoundError for an unknown or empty slot."""
    if slot not in slots():
        raise NotFoundError(f"There is no slot {slot}.")
    with tenant_scope(tenant):
        found = Integration.objects.filter(tenant=tenant, owner=None, is_default=True, slot=slot).first()
    if found is None:
        raise NotFoundError(f"The tenant has no integration in the slot {slot}.")
    return found


def integrations_of(tenant_id: UUID) -> QuerySet[Integration]:
    """Return every integration of a tenant, its members' own ones too: for the platform's eyes."""
    return Integration.objects.filter(tenant_id=tenant_id)


def visible_integrations(tenant_id: UUID, *, membership_id: UUID | None) -> QuerySet[Integration]:
    """Return what a tenant's credential may see: the tenant's own, and those of the member that asks, if it is one.

    Another member's are nobody's business in the tenant, whatever their role.
    """
    visible = Q(owner=None)
    if membership_id is not None:
        visible |= Q(owner_id=membership_id)
    return integrations_of(tenant_id).filter(visible)


def switches_of(integration: Integration) -> tuple[str, ...]:
    """Return what can be switched off for an integration: capabilities and actions; nothing of a removed provider."""
    try:
        return get_provider(integration.provider).switches
    except UnknownProviderError:
        return ()


@dataclass(frozen=True, slots=True)
class ShownConfig:
    """A configuration as people may see it: every declared field, secrets masked, None for what is not set.

    `unreadable` has the secrets that do not open under their key, which are None in `values`, and why.
    """

    values: dict[str, str | dict[str, str] | None]
    unreadable: dict[str, UnreadableSecretError]


def shown_config(integration: Integration | CredentialVersion, *, hide_secrets: bool = False) -> ShownConfig:
    """Mask what is secret, or hide it whole, for those who may not even see that (`platform_roles.may_see_secrets`).

    Raises KeyNotAtHandError when this process lacks the key; nothing is wrong then.
    """
    try:
        fields = get_provider(integration.provider).fields
    except UnknownProviderError:  # the row of a provider that was removed: nobody knows what of it is public
        return ShownConfig({}, {})
    values: dict[str, str | dict[str, str] | None] = {}
    unreadable: dict[str, UnreadableSecretError] = {}
    for field in fields:
        stored = integration.config.get(field.name)
        try:
            values[field.name] = _shown(stored, field, hide_secrets=hide_secrets)
        except UnreadableSecretError as error:
            values[field.name] = None
            unreadable[field.name] = error
    return ShownConfig(values, unreadable)


def _shown(stored: object, field: Field, *, hide_secrets: bool) -> str | dict[str, str] | None:
    if stored is None:
        return None
    if hide_secrets and (field.secret or isinstance(stored, Secret)):
        return HIDDEN
    if field.is_object:
        text = stored.reveal() if isinstance(stored, Secret) else str(stored)
        return shown_object(text, masked=field.secret or isinstance(stored, Secret))
    if isinstance(stored, Secret):
        return stored.masked()
    # Stored in clear although the declaration says secret by now: still not shown.
    return "***" if field.secret else str(stored)


def base_url_for_webhooks(tenant_id: UUID, integration_id: UUID | None = None) -> str | None:
    """Return the address with which a tenant's derived webhook addresses start, without a trailing slash.

    It comes from the given integration, else from the tenant's default one whose provider declares such an address.
    None when there is none or it is disabled: a person who switches an integration off wants nothing sent to it.
    """
    fields = {
        provider.key: provider.webhook_base_field
        for provider in all_providers()
        if provider.can(Capability.WEBHOOK_BASE)
    }
    with tenant_scope(tenant_id):
        rows = Integration.objects.filter(tenant_id=tenant_id, enabled=True, provider__in=fields)
        rows = rows.filter(id=integration_id) if integration_id else rows.filter(owner=None, is_default=True)
        found = rows.order_by("id").first()
    if found is None:
        return None
    base = found.config.get(fields[found.provider])
    return str(base) if base else None
