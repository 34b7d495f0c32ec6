"""Row-level security on calls and rollups. Tenants read them; the delivery engine, as the owner, writes them."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from integrations.isolation.operations import IsolateTenantTable


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0002_isolation"), ("analytics", "0001_initial")]

    operations: ClassVar = [
        IsolateTenantTable("WebhookCall", privileges=["SELECT"]),
        IsolateTenantTable("HourlyRollup", privileges=["SELECT"]),
    ]
