"""Sums by the minute, sums of whole tenants, and attempts by outcome class.

Hours that were summed up before get the rows of whole tenants here. Their outcome classes are known from the calls
alone: `manage.py rebuild_rollups` counts them for the hours whose calls are still there.
"""

from __future__ import annotations

from typing import ClassVar

import django.contrib.postgres.fields
from django.db import migrations, models

import analytics.histogram
from integrations.isolation.operations import IsolateTenantTable

_BUCKET_SUMS = ", ".join(f"sum(histogram[{i}])" for i in range(1, analytics.histogram.BUCKETS + 1))
# One pass over the hours, of which there are as many as webhooks times hours with calls.
_SUM_UP_TENANTS = f"""
    INSERT INTO analytics_hourlyrollup (
        tenant_id, target_kind, target_id, hour, calls, succeeded, failed, attempts, response_time_ms_sum, histogram)
    SELECT tenant_id, 'all', '00000000-0000-0000-0000-000000000000', hour, sum(calls), sum(succeeded), sum(failed),
        sum(attempts), sum(response_time_ms_sum), ARRAY[{_BUCKET_SUMS}]::bigint[]
    FROM analytics_hourlyrollup
    WHERE target_id <> '00000000-0000-0000-0000-000000000000'
    GROUP BY tenant_id, hour
    ON CONFLICT (tenant_id, target_id, hour) DO NOTHING
"""  # noqa: S608  (put together from our own constants)
_FORGET_TENANTS = "DELETE FROM analytics_hourlyrollup WHERE target_id = '00000000-0000-0000-0000-000000000000'"
# The rows of a span are written again with every batch. Beside free space their new versions stay on their page, where
# the next batch removes the old ones; without it the table grows to thirty times its size within the hour.
_KEEP_FREE = [
    f"ALTER TABLE {table} SET (fillfactor = 70)" for table in ("analytics_hourlyrollup", "analytics_minuterollup")
]
_FILL = [f"ALTER TABLE {table} RESET (fillfactor)" for table in ("analytics_hourlyrollup", "analytics_minuterollup")]
_OUTCOMES = (
    *("answered_2xx", "answered_3xx", "answered_4xx", "answered_5xx"),
    *("timeouts", "connection_failures", "guard_refusals", "not_sent"),
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("analytics", "0002_isolation")]

    operations: ClassVar = [
        *(
            migrations.AddField("HourlyRollup", name, models.BigIntegerField(db_default=0, default=0))
            for name in _OUTCOMES
        ),
        migrations.CreateModel(
            name="MinuteRollup",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        *("tenant_id", "target_id", "minute"),
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("target_kind", models.CharField(default="webhook", max_length=16)),
                ("target_id", models.UUIDField()),
                ("calls", models.BigIntegerField(default=0, help_text="Finished runs of deliveries.")),
                ("succeeded", models.BigIntegerField(default=0)),
                ("failed", models.BigIntegerField(default=0)),
                ("attempts", models.BigIntegerField(default=0)),
                ("response_time_ms_sum", models.BigIntegerField(default=0)),
                *((name, models.BigIntegerField(db_default=0, default=0)) for name in _OUTCOMES),
                (
                    "histogram",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=analytics.histogram.empty_histogram, size=None
                    ),
                ),
                ("minute", models.DateTimeField()),
            ],
            options={
                "indexes": [models.Index(fields=["tenant_id", "minute"], name="rollup_tenant_minute")],
            },
        ),
        IsolateTenantTable("MinuteRollup", privileges=["SELECT"]),
        migrations.RunSQL(_KEEP_FREE, _FILL),
        migrations.RunSQL(_SUM_UP_TENANTS, _FORGET_TENANTS),
    ]
