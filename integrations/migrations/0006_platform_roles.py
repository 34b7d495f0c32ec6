"""Roles of platform staff, and their second factor."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0005_idempotency")]

    operations: ClassVar[list[object]] = []
