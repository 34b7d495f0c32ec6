from __future__ import annotations

from importlib import import_module

from django.db import connection

from analytics.models import ALL_TARGETS, HourlyRollup
from integrations.ids import uuid7
from tests.analytics.calls import NOW, call, record
from tests.analytics.sums import stored_sums


def test_hours_of_before_get_the_sums_of_whole_tenants(db: None) -> None:
    tenants = [uuid7(), uuid7()]
    record([call(tenant_id=whose, timestamp=NOW, response_time_ms=time) for whose in tenants for time in (5, 900)])
    right = stored_sums(HourlyRollup)
    HourlyRollup.objects.filter(target_id=ALL_TARGETS).delete()
    HourlyRollup.objects.update(answered_2xx=0)  # unknown to earlier versions
    statement = import_module("analytics.migrations.0003_minute_rollups")._SUM_UP_TENANTS
    with connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute(statement)  # once more, after it was interrupted
    assert stored_sums(HourlyRollup) == {key: {**sums, "answered_2xx": 0} for key, sums in right.items()}
