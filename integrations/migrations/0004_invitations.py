"""Invitations of members."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0003_api_keys")]

    operations: ClassVar[list[object]] = []
