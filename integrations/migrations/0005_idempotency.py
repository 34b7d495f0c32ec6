"""What was answered under an idempotency key."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0004_invitations")]

    operations: ClassVar[list[object]] = []
