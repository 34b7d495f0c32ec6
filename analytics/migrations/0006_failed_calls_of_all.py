"""The index of failed calls whosever they are, for the admin's list. Each partition is locked against writing meanwhile."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("analytics", "0005_failed_calls")]

    operations: ClassVar = [
        migrations.AddIndex(
            "WebhookCall",
            models.Index(fields=["id"], name="call_failed", condition=models.Q(success=False)),
        ),
    ]
