"""Deliveries of messages."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [
        ("webhooks", "0007_room_to_finish"),
    ]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="delivery",
            name="target_kind",
            field=models.CharField(
                choices=[("webhook", "Webhook"), ("message", "Message")], default="webhook", max_length=16
            ),
        ),
        migrations.AlterField(
            model_name="due",
            name="target_kind",
            field=models.CharField(
                choices=[("webhook", "Webhook"), ("message", "Message")], default="webhook", max_length=16
            ),
        ),
    ]
