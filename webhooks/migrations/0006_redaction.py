"""Rules for what is hidden in payloads, and of each payload whether something has to be taken out of it."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import integrations.ids
from integrations.isolation.operations import IsolateTenantTable


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("integrations", "0002_isolation"),
        ("webhooks", "0005_backlog_moves"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="RedactionRule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "event_type",
                    models.CharField(
                        help_text="A type such as order.paid, order.* for all below, or * for everything.",
                        max_length=128,
                    ),
                ),
                (
                    "paths",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200),
                        help_text="JSONPaths such as $.customer.email, $.items[*].card, $..password.",
                        size=None,
                    ),
                ),
                ("marked_up_to", models.UUIDField(default=UUID(int=0), editable=False, null=True)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_name", models.CharField(blank=True, editable=False, max_length=254)),
                (
                    "changed_at",
                    models.DateTimeField(auto_now_add=True, help_text="When its type or paths were last changed."),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="integrations.tenant"
                    ),
                ),
            ],
            options={
                "ordering": ["tenant", "event_type"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "event_type"),
                        name="redaction_rule_unique",
                        violation_error_message="There is a rule for this event type already.",
                    )
                ],
            },
        ),
        IsolateTenantTable("RedactionRule"),
        migrations.AddField(
            model_name="payload",
            name="redaction",
            field=models.CharField(
                choices=[
                    ("", "Nothing to hide"),
                    ("pending", "Waits for its deliveries to end"),
                    ("done", "Redacted: it cannot be sent again"),
                    ("again", "Redacted; a rule was changed since"),
                ],
                db_default="",
                default="",
                max_length=16,
            ),
        ),
        migrations.AddIndex(
            model_name="payload",
            index=models.Index(
                condition=models.Q(("redaction__in", ["pending", "again"])),
                fields=["tenant_id", "id"],
                name="payload_to_redact",
            ),
        ),
    ]
