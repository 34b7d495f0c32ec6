"""Keeping what an integration's credentials were, and putting it back."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from integrations.activity.actor import Actor
from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.models import CredentialVersion, Integration


def keep_version(*, actor: Actor, integration: Integration) -> None:
    """Keep the configuration of a locked integration as it is stored, before its secrets are replaced.

    Within the caller's transaction. The newest `CREDENTIAL_VERSIONS_KEPT` are kept, older ones go. A secret that does not
    open is left out: nobody could put it back. Raises KeyNotAtHandError.
    """
    if settings.CREDENTIAL_VERSIONS_KEPT:
        CredentialVersion.objects.create(
            tenant_id=integration.tenant_id,
            integration=integration,
            number=integration.credential_version,
            provider=integration.provider,
            config=_readable(integration.config),
            in_use_since=integration.secret_changed_at or integration.created_at,
            replaced_by_name=actor.name,
        )
    kept = CredentialVersion.objects.filter(tenant_id=integration.tenant_id, integration_id=integration.id)
    newest = kept.order_by("-number").values_list("id", flat=True)[: settings.CREDENTIAL_VERSIONS_KEPT]
    kept.exclude(id__in=list(newest)).delete()


def _readable(config: Mapping[str, object]) -> dict[str, object]:
    """Return the values anew: each secret is encrypted for the row that it is written to."""
    copied: dict[str, object] = {}
    for name, value in config.items():
        if not isinstance(value, Secret):
            copied[name] = value
            continue
        try:
            copied[name] = Secret(value.reveal())
        except UnreadableSecretError:
            continue
    return copied
