from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from structlog.testing import capture_logs

from analytics.models import WebhookCall
from analytics.tasks import make_partitions_task
from integrations.ids import uuid7
from integrations.partitioning.partitions import count_default_rows, list_partitions
from tests.analytics.calls import NOW, call, record

YESTERDAY = NOW - timedelta(days=1)


def test_task_is_the_one_that_the_schedule_names() -> None:
    assert settings.CELERY_BEAT_SCHEDULE["make-partitions"]["task"] == make_partitions_task.name


def test_says_nothing_when_every_partition_is_there(db: None) -> None:
    make_partitions_task()
    with capture_logs() as logs:
        make_partitions_task()
    assert logs == []


def test_makes_partitions_and_reports_the_rows_that_had_none(db: None) -> None:
    make_partitions_task()
    record([call(tenant_id=uuid7(), timestamp=YESTERDAY), call(tenant_id=uuid7(), id=UUID(int=1))])
    with capture_logs() as logs:
        make_partitions_task()
    name = f"analytics_webhookcall_p{YESTERDAY:%Y%m%d}"
    assert logs == [
        {"event": "partitions_made", "log_level": "info", "partitions": [name]},
        {
            "event": "rows_in_default_partition",
            "log_level": "warning",
            "table": "analytics_webhookcall",
            "found": 2,
            "left": 1,
        },
    ]
    assert name in [partition.name for partition in list_partitions(WebhookCall)]
    assert count_default_rows(WebhookCall) == 1
