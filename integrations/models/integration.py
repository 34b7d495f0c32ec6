"""One provider's configuration and credentials, of a tenant or of one person in it."""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.db import models

from integrations.encryption.fields import EncryptedJSONField, SealedModel
from integrations.ids import uuid7
from integrations.models.tenant import Membership, Tenant
from integrations.providers.registry import provider_choices, slot_choices


class Health(models.TextChoices):
    UNKNOWN = "unknown", "Unknown"
    OK = "ok", "OK"
    DEGRADED = "degraded", "Degraded"
    FAILING = "failing", "Failing"
    REAUTH_REQUIRED = "reauth_required", "Reauthorisation required"
    UNREADABLE = "unreadable", "Unreadable"


BROKEN: Final = frozenset({Health.FAILING, Health.REAUTH_REQUIRED, Health.UNREADABLE})
"""What makes the status of an enabled integration `error`."""


class Integration(SealedModel):
    """A provider's configuration; `config` holds public fields in clear and each secret encrypted on its own."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="integrations")
    owner = models.ForeignKey(
        Membership,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="integrations",
        help_text="Empty: shared by the whole tenant.",
    )
    former_owner_id = models.UUIDField(null=True, editable=False, help_text="The membership that shared it.")
    provider = models.CharField(max_length=32, choices=provider_choices)
    slot = models.CharField(max_length=32, choices=slot_choices, editable=False)
    is_default = models.BooleanField(default=True, help_text="What the slot's own address shows and code uses.")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=500, blank=True)
    enabled = models.BooleanField(default=True)
    config = EncryptedJSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True, help_text="Free JSON of yours, never for secrets.")
    health = models.CharField(max_length=16, choices=Health.choices, default=Health.UNKNOWN, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_by_name = models.CharField(max_length=254, blank=True, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    updated_by_name = models.CharField(max_length=254, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["tenant", "slot", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "owner", "slot"],
                condition=models.Q(is_default=True),
                nulls_distinct=False,
                name="integration_one_default",
                violation_error_message="This slot has an integration already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def status(self) -> str:
        """`active`, `inactive` or `error`: what a person chose, and what the last checks found."""
        if not self.enabled:
            return "inactive"
        return "error" if self.health in BROKEN else "active"
