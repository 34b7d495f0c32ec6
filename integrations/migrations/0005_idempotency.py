"""What was answered under an idempotency key."""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models

import integrations.ids
from integrations.isolation.operations import IsolateTenantTable


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0004_invitations")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="IdempotencyAnswer",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField(null=True)),
                ("audience", models.CharField(max_length=16)),
                ("key", models.CharField(max_length=255)),
                ("fingerprint", models.CharField(max_length=64)),
                ("status_code", models.SmallIntegerField(null=True)),
                ("object_id", models.CharField(blank=True, max_length=64)),
                (
                    "members",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(), blank=True, default=list, size=None
                    ),
                ),
                ("claimed_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["expires_at"], name="idempotency_answer_expiry")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant_id", "audience", "key"),
                        name="idempotency_answer_unique",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        IsolateTenantTable("IdempotencyAnswer"),
    ]
