"""Leasing and finishing a delivery write its page, and not its indexes."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import migrations, models

from integrations.partitioning.operations import SetPartitionStorage


class Migration(migrations.Migration):
    dependencies: ClassVar = [("webhooks", "0006_redaction")]

    operations: ClassVar = [
        # A delivery is written twice. Where the second version fits into the page of the first, the four indexes need
        # not learn of it, which is most of what an update costs; without that room it would fill other pages.
        SetPartitionStorage("Delivery", fillfactor=50),
        migrations.AddIndex(
            model_name="due",
            index=models.Index(fields=["tenant_id", "target_id", "due_at"], name="due_by_target"),
        ),
        migrations.AddIndex(
            model_name="due",
            index=BrinIndex(fields=["lease_by"], name="due_leases", pages_per_range=32, autosummarize=True),
        ),
        migrations.RemoveIndex(model_name="due", name="due_waiting"),
        migrations.RemoveIndex(model_name="due", name="due_leased"),
    ]
