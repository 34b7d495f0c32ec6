"""Backlogs of webhooks that are disabled, enabled or deleted are moved a slice at a time."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

import django.db.models.deletion
from django.db import migrations, models

from integrations.isolation.operations import IsolateTenantTable


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("integrations", "0002_isolation"),
        ("webhooks", "0004_receivers"),
    ]

    operations: ClassVar = [
        migrations.CreateModel(
            name="BacklogMove",
            fields=[
                ("webhook_id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("hold", "Hold"),
                            ("bring_back", "Bring back"),
                            ("expire", "Expire"),
                            ("cancel", "Cancel"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "position",
                    models.UUIDField(
                        default=UUID(int=0),
                        help_text="The last delivery, in the order of their ids, that was looked at for being held.",
                    ),
                ),
                ("moved", models.BigIntegerField(default=0)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
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
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=["started_at"],
                        name="backlog_move_unfinished",
                    )
                ],
            },
        ),
        IsolateTenantTable("BacklogMove"),
    ]
