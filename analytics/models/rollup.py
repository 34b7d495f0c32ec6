"""Hourly sums of calls, so that a summary costs the same however many calls there were."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from analytics.histogram import empty_histogram


class HourlyRollup(models.Model):
    """The calls of one webhook in one hour (UTC), written by the transaction that records them; never purged."""

    pk = models.CompositePrimaryKey("tenant_id", "target_id", "hour")
    tenant_id = models.UUIDField()
    target_kind = models.CharField(max_length=16, default="webhook")
    target_id = models.UUIDField()
    hour = models.DateTimeField()
    calls = models.BigIntegerField(default=0, help_text="Finished runs of deliveries.")
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    attempts = models.BigIntegerField(default=0)
    response_time_ms_sum = models.BigIntegerField(default=0)
    histogram = ArrayField(models.BigIntegerField(), default=empty_histogram)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant_id", "hour"], name="rollup_tenant_hour")]

    def __str__(self) -> str:
        return f"{self.target_id} {self.hour:%Y-%m-%d %H}h"
