"""What actions keep between their runs, and the leases by which two runs of one do not meet."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.ids import uuid7
from integrations.models.integration import Integration
from integrations.models.tenant import Tenant
from integrations.providers.registry import provider_choices


class ProviderActionState(models.Model):
    """One thing that an action remembers, such as the id of what it made at the provider. It holds no secret.

    It goes with its integration; without one it belongs to what the tenant did with the platform's own credentials.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(
        Integration, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="action_states"
    )
    provider = models.CharField(max_length=32, choices=provider_choices)
    name = models.CharField(max_length=100)
    value = models.JSONField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "integration", "provider", "name"],
                nulls_distinct=False,
                name="provider_action_state_one",
            )
        ]

    def __str__(self) -> str:
        return self.name


class ProviderActionLease(models.Model):
    """The right to run an action: of one worker, for a while."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(
        Integration, null=True, on_delete=models.CASCADE, db_constraint=False, related_name="action_leases"
    )
    provider = models.CharField(max_length=32, choices=provider_choices)
    name = models.CharField(max_length=64)
    owner = models.UUIDField()
    until = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "integration", "provider", "name"],
                nulls_distinct=False,
                name="provider_action_lease_one",
            )
        ]

    def __str__(self) -> str:
        return self.name
