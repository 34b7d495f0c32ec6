"""Sums of calls by the hour and by the minute, so that a summary costs the same however many calls there were."""

from __future__ import annotations

from typing import ClassVar, Final
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db import models

from analytics.histogram import empty_histogram

# The target of the rows that sum up a whole tenant. Whoever reads by webhook leaves them out, whoever reads a
# tenant's sums reads only them: adding up its webhooks would cost more with every webhook.
ALL_TARGETS: Final = UUID(int=0)
ALL_TARGETS_KIND: Final = "all"


class Rollup(models.Model):
    """The calls of one webhook, or of all of a tenant (`ALL_TARGETS`), in one span, as their recording adds them up.

    Calls are finished runs of deliveries, attempts single requests. Times, the histogram and the outcome classes
    (`analytics.outcomes`) are those of attempts: the classes add up to `attempts`.
    """

    tenant_id = models.UUIDField()
    target_kind = models.CharField(max_length=16, default="webhook")
    target_id = models.UUIDField()
    calls = models.BigIntegerField(default=0, help_text="Finished runs of deliveries.")
    succeeded = models.BigIntegerField(default=0)
    failed = models.BigIntegerField(default=0)
    attempts = models.BigIntegerField(default=0)
    response_time_ms_sum = models.BigIntegerField(default=0)
    # The defaults are the database's too: an engine from before these columns goes on until it is restarted.
    answered_2xx = models.BigIntegerField(default=0, db_default=0)
    answered_3xx = models.BigIntegerField(default=0, db_default=0)
    answered_4xx = models.BigIntegerField(default=0, db_default=0)
    answered_5xx = models.BigIntegerField(default=0, db_default=0)
    timeouts = models.BigIntegerField(default=0, db_default=0)
    connection_failures = models.BigIntegerField(default=0, db_default=0)
    guard_refusals = models.BigIntegerField(default=0, db_default=0)
    not_sent = models.BigIntegerField(default=0, db_default=0)
    histogram = ArrayField(models.BigIntegerField(), default=empty_histogram)

    span_column: ClassVar[str]
    """The column that holds the beginning of the span."""

    class Meta:
        abstract = True


class HourlyRollup(Rollup):
    """Sums of one hour (UTC), written by the transaction that records the calls; never purged."""

    pk = models.CompositePrimaryKey("tenant_id", "target_id", "hour")
    hour = models.DateTimeField()
    span_column = "hour"

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant_id", "hour"], name="rollup_tenant_hour")]

    def __str__(self) -> str:
        return f"{self.target_id} {self.hour:%Y-%m-%d %H}h"


class MinuteRollup(Rollup):
    """Sums of one minute (UTC), written by the same transaction as the hour's; kept for 48 hours."""

    pk = models.CompositePrimaryKey("tenant_id", "target_id", "minute")
    minute = models.DateTimeField()
    span_column = "minute"

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tenant_id", "minute"], name="rollup_tenant_minute")]

    def __str__(self) -> str:
        return f"{self.target_id} {self.minute:%Y-%m-%d %H:%M}"
