"""What tests of an integration's connection found, when its credentials changed, and when they end."""

from __future__ import annotations

from typing import ClassVar

import django.utils.timezone
from django.db import migrations, models


def _column(name: str, field: models.Field) -> migrations.AddField:
    return migrations.AddField(model_name="integration", name=name, field=field)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0007_data_key_rotation")]

    operations: ClassVar = [
        _column("credential_version", models.PositiveIntegerField(default=1, editable=False)),
        _column("secret_changed_at", models.DateTimeField(editable=False, null=True)),
        _column(
            "expires_at",
            models.DateTimeField(editable=False, help_text="When the credentials end, where that is known.", null=True),
        ),
        _column("tested_at", models.DateTimeField(editable=False, null=True)),
        _column("tested_version", models.PositiveIntegerField(editable=False, null=True)),
        _column("test_result", models.CharField(blank=True, editable=False, max_length=24)),
        _column("test_message", models.CharField(blank=True, editable=False, max_length=500)),
        _column("test_identity", models.CharField(blank=True, editable=False, max_length=200)),
        _column("test_data", models.JSONField(blank=True, default=dict, editable=False)),
        _column("test_latency_ms", models.PositiveIntegerField(editable=False, null=True)),
        _column("test_failures", models.PositiveSmallIntegerField(default=0, editable=False)),
        _column("test_due_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
        migrations.AddIndex(
            model_name="integration",
            index=models.Index(
                condition=models.Q(("enabled", True)), fields=["test_due_at"], name="integration_test_due"
            ),
        ),
    ]
