"""API keys, and how much each was used."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0002_isolation")]

    operations: ClassVar[list[object]] = []
