"""Indexes that hold failed calls alone, on every partition: each is locked against writing while its own are made."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("analytics", "0004_retention")]

    operations: ClassVar = [
        migrations.AddIndex(
            "WebhookCall",
            models.Index(fields=["tenant_id", "id"], name="call_tenant_failed", condition=models.Q(success=False)),
        ),
        migrations.AddIndex(
            "WebhookCall",
            models.Index(fields=["target_id", "id"], name="call_target_failed", condition=models.Q(success=False)),
        ),
    ]
