"""Row-level security on this room's tables, and a queue whose dead rows are cleared away early."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey

# A row of the queue is leased, retried and deleted within seconds: room in the page for its next version, and a
# vacuum that comes early and does not pause, keep claims fast at thousands of deliveries a second.
_QUEUE_STORAGE = """
ALTER TABLE webhooks_due SET (
    fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0
);
"""
_ORDINARY_STORAGE = """
ALTER TABLE webhooks_due RESET (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0002_isolation"), ("webhooks", "0001_initial")]

    operations: ClassVar = [
        IsolateTenantTable("Webhook", referenced=True),
        IsolateTenantTable("WebhookStats"),
        IsolateTenantTable("WebhookRuntime"),
        IsolateTenantTable("TenantRuntime", privileges=["SELECT"]),
        IsolateTenantTable("Event", privileges=["SELECT", "INSERT"]),
        IsolateTenantTable("Payload", privileges=["SELECT", "INSERT"]),
        IsolateTenantTable("Delivery", privileges=["SELECT", "INSERT", "UPDATE"]),
        IsolateTenantTable("Due"),
        IsolateTenantTable("IdempotencyKey"),
        TenantForeignKey("Webhook", "integration"),
        TenantForeignKey("WebhookStats", "webhook"),
        TenantForeignKey("WebhookRuntime", "webhook"),
        migrations.RunSQL(_QUEUE_STORAGE, _ORDINARY_STORAGE),
    ]
