"""How long each tenant's history is kept, and how much of it is gone."""

from __future__ import annotations

from typing import ClassVar

import django.core.validators
from django.db import migrations, models

from integrations.isolation.operations import IsolateTenantTable


class Migration(migrations.Migration):
    dependencies: ClassVar = [("analytics", "0003_minute_rollups")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="PurgeHorizon",
            fields=[
                ("tenant_id", models.UUIDField(primary_key=True, serialize=False)),
                ("calls_before", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="TenantRetention",
            fields=[
                ("tenant_id", models.UUIDField(primary_key=True, serialize=False)),
                (
                    "days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Days that calls, events and deliveries are kept.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(8),
                            django.core.validators.MaxValueValidator(3650),
                        ],
                    ),
                ),
                (
                    "payload_days",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Days that payloads are kept, which may be fewer.",
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(3),
                            django.core.validators.MaxValueValidator(3650),
                        ],
                    ),
                ),
            ],
            options={
                "verbose_name": "retention of a tenant",
                "verbose_name_plural": "retention of tenants",
            },
        ),
        IsolateTenantTable("PurgeHorizon", privileges=["SELECT"]),
        IsolateTenantTable("TenantRetention", privileges=["SELECT"]),
    ]
