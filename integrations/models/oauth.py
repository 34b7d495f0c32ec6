"""OAuth2: connections that a person is about to agree to, and how the tokens of an integration are kept fresh."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from integrations.activity.models import ActorKind
from integrations.encryption.fields import EncryptedTextField, SealedModel
from integrations.ids import uuid7
from integrations.models.integration import Integration
from integrations.models.tenant import Membership, Tenant
from integrations.providers.registry import provider_choices


class OAuthState(SealedModel):
    """A connection that was started: for ten minutes, and once. Of its state only a hash is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(
        Integration,
        null=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="+",
        help_text="Empty: one is made of it.",
    )
    owner = models.ForeignKey(
        Membership,
        null=True,
        on_delete=models.CASCADE,
        db_constraint=False,
        related_name="+",
        help_text="Of a new one.",
    )
    provider = models.CharField(max_length=32, choices=provider_choices)
    state_hash = models.CharField(max_length=64, unique=True)
    verifier = EncryptedTextField()
    redirect_uri = models.CharField(max_length=1000)
    return_to = models.CharField(max_length=1000, blank=True)
    session_hash = models.CharField(
        max_length=64, blank=True, help_text="Of the browser session that must bring it back; empty for the API."
    )
    values = models.JSONField(default=dict, help_text="Public fields of a new integration.")
    # Who started it does it: the callback itself carries no credential.
    actor_kind = models.CharField(max_length=16, choices=ActorKind.choices)
    actor_id = models.UUIDField(null=True)
    actor_name = models.CharField(max_length=254)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="oauth_state_expiry")]

    def __str__(self) -> str:
        return f"connection to {self.provider}"


class OAuthGrant(models.Model):
    """How the tokens of one integration are kept fresh, and the lease by which one worker at a time does it.

    What it says belongs to the integration's `credential_version` of the same number: of credentials that a person
    entered since, nothing is known.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, on_delete=models.CASCADE, related_name="+")
    integration = models.ForeignKey(
        Integration, on_delete=models.CASCADE, db_constraint=False, related_name="oauth_grants"
    )
    credential_version = models.PositiveIntegerField(default=0)
    account = models.CharField(max_length=200, blank=True, help_text="Who agreed, where the provider says so.")
    scope = models.CharField(max_length=1000, blank=True)
    obtained_at = models.DateTimeField(null=True)
    usable_until = models.DateTimeField(null=True, help_text="A little before the access token ends; empty: never.")
    refresh_due_at = models.DateTimeField(null=True, help_text="When the sweep renews it: at half of its life.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Renewals in a row that failed.")
    retry_at = models.DateTimeField(null=True, help_text="Not renewed before this moment, after a failure.")
    failure = models.CharField(max_length=500, blank=True, help_text="What the last failure was, without secrets.")
    ended_version = models.PositiveIntegerField(
        null=True, help_text="The credential version of which the provider said that a person has to agree anew."
    )
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["integration"], name="oauth_grant_one")]
        indexes: ClassVar = [
            models.Index(
                fields=["refresh_due_at"],
                condition=models.Q(refresh_due_at__isnull=False),
                name="oauth_grant_due",
            )
        ]

    def __str__(self) -> str:
        return f"tokens of {self.integration_id}"
