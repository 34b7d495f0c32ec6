"""Rotation of data keys."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0006_platform_roles")]

    operations: ClassVar[list[object]] = []
