"""Who shared an integration that was a member's own."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0008_connection_tests")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="integration",
            name="former_owner_id",
            field=models.UUIDField(editable=False, help_text="The membership that shared it.", null=True),
        ),
    ]
