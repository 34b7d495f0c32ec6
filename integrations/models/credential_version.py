"""Earlier credentials of an integration, kept encrypted so that they can be put back."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.encryption.fields import EncryptedJSONField, SealedModel
from integrations.ids import uuid7
from integrations.models.integration import Integration
from integrations.models.tenant import Tenant
from integrations.providers.registry import provider_choices


class CredentialVersion(SealedModel):
    """What an integration's configuration was, until its secrets were replaced. The newest few are kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, db_constraint=False, related_name="credential_versions"
    )
    number = models.PositiveIntegerField(help_text="The integration's `credential_version` while these were in use.")
    provider = models.CharField(max_length=32, choices=provider_choices)
    config = EncryptedJSONField(default=dict)
    in_use_since = models.DateTimeField(null=True)
    replaced_at = models.DateTimeField(auto_now_add=True)
    replaced_by_name = models.CharField(max_length=254, blank=True)

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["integration", "number"], name="credential_version_unique"),
        ]

    def __str__(self) -> str:
        return f"version {self.number}"
