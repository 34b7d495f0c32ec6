"""What was switched off of an integration, and what actions keep: their state and leases."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import integrations.ids
import integrations.providers.registry
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("integrations", "0011_oauth"),
    ]

    operations: ClassVar = [
        migrations.AddField(
            model_name="integration",
            name="disabled_capabilities",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=64),
                blank=True,
                default=list,
                help_text="Capabilities and actions switched off.",
                size=None,
            ),
        ),
        migrations.AddField(
            model_name="idempotencyanswer",
            name="answer",
            field=models.JSONField(null=True),
        ),
        migrations.CreateModel(
            name="ProviderActionLease",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(choices=integrations.providers.registry.provider_choices, max_length=32)),
                ("name", models.CharField(max_length=64)),
                ("owner", models.UUIDField()),
                ("until", models.DateTimeField()),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="action_leases",
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "integration", "provider", "name"),
                        name="provider_action_lease_one",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProviderActionState",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(choices=integrations.providers.registry.provider_choices, max_length=32)),
                ("name", models.CharField(max_length=100)),
                ("value", models.JSONField()),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "integration",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="action_states",
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
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "integration", "provider", "name"),
                        name="provider_action_state_one",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        IsolateTenantTable("ProviderActionLease"),
        TenantForeignKey("ProviderActionLease", "integration"),
        IsolateTenantTable("ProviderActionState"),
        TenantForeignKey("ProviderActionState", "integration"),
    ]
