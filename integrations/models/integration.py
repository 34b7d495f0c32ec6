"""One provider's configuration and credentials, of a tenant or of one person in it."""

from __future__ import annotations

from typing import ClassVar, Final

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

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
    disabled_capabilities = ArrayField(
        models.CharField(max_length=64), default=list, blank=True, help_text="Capabilities and actions switched off."
    )
    config = EncryptedJSONField(default=dict, blank=True)
    metadata = models.JSONField(default=dict, blank=True, help_text="Free JSON of yours, never for secrets.")
    health = models.CharField(max_length=16, choices=Health.choices, default=Health.UNKNOWN, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    # Counts what changed the configuration, and nothing else: what was found out about an older one says nothing.
    credential_version = models.PositiveIntegerField(default=1, editable=False)
    secret_changed_at = models.DateTimeField(null=True, editable=False)
    expires_at = models.DateTimeField(
        null=True, editable=False, help_text="When the credentials end, where that is known."
    )
    tested_at = models.DateTimeField(null=True, editable=False)
    tested_version = models.PositiveIntegerField(null=True, editable=False)
    test_result = models.CharField(max_length=24, blank=True, editable=False)
    test_message = models.CharField(max_length=500, blank=True, editable=False)
    test_identity = models.CharField(max_length=200, blank=True, editable=False)
    test_data = models.JSONField(default=dict, blank=True, editable=False)
    test_latency_ms = models.PositiveIntegerField(null=True, editable=False)
    # Tests in a row that failed, whatever the reason.
    test_failures = models.PositiveSmallIntegerField(default=0, editable=False)
    # When the sweep tests it next; a lease while one does.
    test_due_at = models.DateTimeField(default=timezone.now, editable=False)
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
        indexes: ClassVar = [
            models.Index(fields=["test_due_at"], condition=models.Q(enabled=True), name="integration_test_due"),
        ]

    def __str__(self) -> str:
        return self.name

    def note_new_credentials(self, *, secrets_changed: bool) -> None:
        """Take note, before saving, that the configuration is another: what tests found says nothing any more."""
        self.credential_version += 1
        if secrets_changed:
            self.secret_changed_at = timezone.now()
        self.expires_at = self.tested_at = self.tested_version = self.test_latency_ms = None
        self.test_result = self.test_message = self.test_identity = ""
        self.test_data = {}
        self.test_failures = 0
        self.test_due_at = timezone.now()

    @property
    def status(self) -> str:
        """`active`, `inactive` or `error`: what a person chose, and what the last checks found."""
        if not self.enabled:
            return "inactive"
        return "error" if self.health in BROKEN else "active"

    def allows(self, name: str) -> bool:
        """Whether nobody switched a capability or an action off here; `enabled` is another matter."""
        return name not in self.disabled_capabilities
