"""Jobs that send again what failed."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import integrations.ids
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("integrations", "0002_isolation"),
        ("webhooks", "0002_isolation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Recovery",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("running", "Running"), ("done", "Done"), ("stopped", "Stopped")],
                        default="running",
                        max_length=16,
                    ),
                ),
                ("since", models.DateTimeField(help_text="Deliveries accepted from then on,")),
                ("until", models.DateTimeField(help_text="and before then.")),
                ("position", models.UUIDField()),
                (
                    "slice_size",
                    models.IntegerField(default=0, help_text="How many are let into the queue at a time."),
                ),
                ("retried", models.BigIntegerField(default=0)),
                ("skipped", models.BigIntegerField(default=0, help_text="Failed, but their payload is gone.")),
                ("reason", models.CharField(blank=True, help_text="Why it was stopped.", max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_name", models.CharField(blank=True, max_length=254)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.tenant"
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recoveries",
                        to="webhooks.webhook",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "recoveries",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["tenant", "-id"], name="recovery_tenant")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("webhook",),
                        name="recovery_one_running",
                        violation_error_message="A recovery of this webhook is running.",
                    )
                ],
            },
        ),
        IsolateTenantTable("Recovery"),
        TenantForeignKey("Recovery", "webhook"),
    ]
