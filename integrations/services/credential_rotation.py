"""Replacing credentials: new ones are tested before they take the old ones' place, old ones can be put back."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from integrations.activity.actor import Actor
from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import CredentialVersion, Integration, Tenant
from integrations.providers.base import Capability, Provider
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.services.connection_tests import check_values
from integrations.services.integrations import change_integration


def rotate_credentials(
    *,
    actor: Actor,
    tenant: Tenant,
    integration: Integration,
    values: Mapping[str, object],
    untested: bool = False,
    expected_version: int | None = None,
) -> Integration:
    """Store new values of the same provider once they have proved themselves; what is left out stays as it is.

    The provider is asked outside of any transaction; whoever changes the integration meanwhile wins
    (PreconditionFailedError). Raises InvalidInputError, naming `connection`, when the provider refuses them or cannot be
    asked: nothing is stored then. `untested` stores them all the same, as do providers that offer nothing to test. Raises
    besides what `change_integration` and `check_values` raise.
    """
    provider = _provider_of(integration)
    if not untested and provider.can(Capability.TEST):
        public = {field.name: integration.config.get(field.name) for field in provider.public_fields}
        report = check_values(
            actor=actor,
            tenant=tenant,
            provider=provider.key,
            values={**public, **values},
            integration=integration,
        )
        if not report.success:
            reason = f"{report.message} ({report.result}). The credentials in use were kept."
            raise InvalidInputError({"connection": [reason]})
    return change_integration(
        actor=actor,
        integration=integration,
        values=values,
        expected_version=integration.version if expected_version is None else expected_version,
    )


def restore_version(
    *, actor: Actor, integration: Integration, version_id: UUID, expected_version: int | None = None
) -> Integration:
    """Put earlier credentials back; those in use become the newest earlier version.

    A field that the version does not have is cleared. Raises NotFoundError for a version that is not kept any more,
    ConflictError when it cannot be read, and what `change_integration` raises.
    """
    with tenant_scope(integration.tenant_id):
        version = CredentialVersion.objects.filter(
            tenant_id=integration.tenant_id, integration_id=integration.id, id=version_id
        ).first()
    if version is None:
        raise NotFoundError("This version is not kept any more.")
    provider = get_provider(version.provider)
    try:
        stored = {
            name: value.reveal() if isinstance(value, Secret) else value for name, value in version.config.items()
        }
    except UnreadableSecretError:
        raise ConflictError("The credentials of this version no longer open: enter them anew.") from None
    values: dict[str, object] = {field.name: stored.get(field.name) for field in provider.fields}
    return change_integration(
        actor=actor,
        integration=integration,
        provider=provider.key,
        values=values,
        expected_version=expected_version,
    )


def _provider_of(integration: Integration) -> Provider:
    try:
        return get_provider(integration.provider)
    except UnknownProviderError:
        raise ConflictError("Its provider does not exist any more: delete the integration.") from None
