"""Connections by OAuth2 that are under way, and how tokens are kept fresh."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import integrations.encryption.fields
import integrations.ids
import integrations.providers.registry
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("integrations", "0010_credential_versions"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="OAuthGrant",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("credential_version", models.PositiveIntegerField(default=0)),
                (
                    "account",
                    models.CharField(blank=True, help_text="Who agreed, where the provider says so.", max_length=200),
                ),
                ("scope", models.CharField(blank=True, max_length=1000)),
                ("obtained_at", models.DateTimeField(null=True)),
                (
                    "usable_until",
                    models.DateTimeField(help_text="A little before the access token ends; empty: never.", null=True),
                ),
                (
                    "refresh_due_at",
                    models.DateTimeField(help_text="When the sweep renews it: at half of its life.", null=True),
                ),
                ("failures", models.PositiveSmallIntegerField(default=0, help_text="Renewals in a row that failed.")),
                (
                    "retry_at",
                    models.DateTimeField(help_text="Not renewed before this moment, after a failure.", null=True),
                ),
                (
                    "failure",
                    models.CharField(
                        blank=True, help_text="What the last failure was, without secrets.", max_length=500
                    ),
                ),
                (
                    "ended_version",
                    models.PositiveIntegerField(
                        help_text="The credential version of which the provider said that a person has to agree anew.",
                        null=True,
                    ),
                ),
                ("lease_owner", models.UUIDField(null=True)),
                ("lease_until", models.DateTimeField(null=True)),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="oauth_grants",
                        to="integrations.integration",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.tenant"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("refresh_due_at__isnull", False)),
                        fields=["refresh_due_at"],
                        name="oauth_grant_due",
                    )
                ],
                "constraints": [models.UniqueConstraint(fields=("integration",), name="oauth_grant_one")],
            },
        ),
        migrations.CreateModel(
            name="OAuthState",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(choices=integrations.providers.registry.provider_choices, max_length=32)),
                ("state_hash", models.CharField(max_length=64, unique=True)),
                ("verifier", integrations.encryption.fields.EncryptedTextField()),
                ("redirect_uri", models.CharField(max_length=1000)),
                ("return_to", models.CharField(blank=True, max_length=1000)),
                (
                    "session_hash",
                    models.CharField(
                        blank=True,
                        help_text="Of the browser session that must bring it back; empty for the API.",
                        max_length=64,
                    ),
                ),
                ("values", models.JSONField(default=dict, help_text="Public fields of a new integration.")),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[("user", "User"), ("api_key", "API key"), ("system", "System")], max_length=16
                    ),
                ),
                ("actor_id", models.UUIDField(null=True)),
                ("actor_name", models.CharField(max_length=254)),
                ("expires_at", models.DateTimeField()),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="Empty: one is made of it.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.integration",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_constraint=False,
                        help_text="Of a new one.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.membership",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.tenant"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="oauth_state_expiry")],
            },
        ),
        IsolateTenantTable("OAuthState"),
        TenantForeignKey("OAuthState", "integration"),
        TenantForeignKey("OAuthState", "owner"),
        IsolateTenantTable("OAuthGrant"),
        TenantForeignKey("OAuthGrant", "integration"),
    ]
