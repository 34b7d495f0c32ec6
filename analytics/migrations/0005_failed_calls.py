"""Indexes of failed calls. Writers of calls wait while they are made: seconds for each million calls that are there."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("analytics", "0004_retention")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="webhookcall",
            index=models.Index(
                condition=models.Q(("success", False)), fields=["tenant_id", "id"], name="call_failed_tenant"
            ),
        ),
        migrations.AddIndex(
            model_name="webhookcall",
            index=models.Index(condition=models.Q(("success", False)), fields=["id"], name="call_failed"),
        ),
    ]
