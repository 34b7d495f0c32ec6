"""Earlier credentials, kept encrypted."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models

import integrations.encryption.fields
import integrations.ids
import integrations.providers.registry
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0009_sharing")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="CredentialVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "number",
                    models.PositiveIntegerField(
                        help_text="The integration's `credential_version` while these were in use."
                    ),
                ),
                (
                    "provider",
                    models.CharField(choices=integrations.providers.registry.provider_choices, max_length=32),
                ),
                ("config", integrations.encryption.fields.EncryptedJSONField(default=dict)),
                ("in_use_since", models.DateTimeField(null=True)),
                ("replaced_at", models.DateTimeField(auto_now_add=True)),
                ("replaced_by_name", models.CharField(blank=True, max_length=254)),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="credential_versions",
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
                "ordering": ["-number"],
                "constraints": [
                    models.UniqueConstraint(fields=("integration", "number"), name="credential_version_unique")
                ],
            },
        ),
        IsolateTenantTable("CredentialVersion"),
        TenantForeignKey("CredentialVersion", "integration"),
    ]
