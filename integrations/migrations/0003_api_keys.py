"""API keys, and how much each was used."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import integrations.ids
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0002_isolation")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="APIKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=100)),
                ("key_prefix", models.CharField(editable=False, max_length=32, unique=True)),
                ("key_hash", models.CharField(editable=False, max_length=64)),
                ("pepper_fingerprint", models.CharField(editable=False, max_length=16)),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), size=None),
                ),
                (
                    "allowed_networks",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=43), blank=True, default=list, size=None
                    ),
                ),
                ("rate_limit", models.PositiveIntegerField(default=1000, help_text="Requests per hour.")),
                ("expires_at", models.DateTimeField(blank=True, null=True)),
                ("revoked_at", models.DateTimeField(editable=False, null=True)),
                ("last_used_at", models.DateTimeField(editable=False, null=True)),
                ("last_used_address", models.GenericIPAddressField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "created_by_kind",
                    models.CharField(
                        choices=[("user", "User"), ("api_key", "API key"), ("system", "System")],
                        editable=False,
                        max_length=16,
                    ),
                ),
                ("created_by_id", models.UUIDField(editable=False, null=True)),
                ("created_by_name", models.CharField(editable=False, max_length=254)),
                (
                    "rotated_from",
                    models.ForeignKey(
                        db_constraint=False,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="successors",
                        to="integrations.apikey",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="api_keys",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "verbose_name": "API key",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["tenant", "-id"], name="api_key_tenant")],
            },
        ),
        migrations.CreateModel(
            name="APIKeyUsage",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "tenant_id",
                        "api_key_id",
                        "hour",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("api_key_id", models.UUIDField()),
                ("hour", models.DateTimeField()),
                ("requests", models.BigIntegerField(default=0)),
                (
                    "errors",
                    models.BigIntegerField(
                        default=0, help_text="Those that were answered with a status of 400 or above."
                    ),
                ),
            ],
            options={
                "verbose_name": "API key usage",
                "verbose_name_plural": "API key usage",
                "indexes": [models.Index(fields=["hour"], name="api_key_usage_hour")],
            },
        ),
        # Keys are revoked, never deleted, but for the removal of their tenant, which the owner does.
        IsolateTenantTable("APIKey", privileges=["SELECT", "INSERT", "UPDATE"], referenced=True),
        # Counted in memory and written by the owner.
        IsolateTenantTable("APIKeyUsage", privileges=["SELECT"]),
        TenantForeignKey("APIKey", "rotated_from"),
    ]
