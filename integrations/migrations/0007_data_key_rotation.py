"""Rotation of data keys: one that was begun is remembered until it is finished."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0006_platform_roles")]

    operations: ClassVar[list[object]] = [
        migrations.CreateModel(
            name="DataKeyRotation",
            fields=[
                (
                    "covers",
                    models.CharField(
                        help_text="“all”, “platform”, or the id of the one tenant that is concerned.",
                        max_length=36,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("started_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
    ]
