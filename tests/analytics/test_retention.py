from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from pytest_django import Settings
from structlog.testing import capture_logs

from analytics import retention
from analytics.archive import ArchiveError
from analytics.models import ALL_TARGETS, HourlyRollup, PurgeHorizon, TenantRetention, WebhookCall
from analytics.retention import Purged, PurgedRows, delete_in_batches, parse_age, purge_expired, purge_older_than
from analytics.tasks import drop_removed_partitions_task, purge_task
from integrations.ids import uuid7, uuid7_time
from integrations.partitioning.partitions import list_partitions, list_removed_partitions, make_partitions
from integrations.partitioning.retained import retained_tables
from tests.analytics.calls import NOW, call, id_at, record
from webhooks.models import Delivery, Event, Payload

DAY = timedelta(days=1)
TENANT, OTHER = uuid7(), uuid7()


@pytest.fixture
def week_of_calls(db: None) -> None:
    """Two calls of each tenant at this time of today and of each of the nine days before, all in partitions."""
    record([call(tenant_id=whose, timestamp=NOW - ago * DAY) for ago in range(10) for whose in (TENANT, OTHER) * 2])
    with time_machine.travel(NOW - 9 * DAY):
        make_partitions()
    make_partitions()


def purge_calls(*, older_than: timedelta, **how: Any) -> PurgedRows:
    return purge_older_than(older_than, **how)["analytics_webhookcall"]


def days_left(tenant_id: UUID) -> dict[int, int]:
    """Return how many calls are left by their age in days."""
    left: dict[int, int] = {}
    for moment in WebhookCall.objects.filter(tenant_id=tenant_id).values_list("timestamp", flat=True):
        age = (NOW - moment).days
        left[age] = left.get(age, 0) + 1
    return left


def partition_days() -> set[str]:
    return {partition.name.rpartition("_")[2] for partition in list_partitions(WebhookCall)}


@pytest.mark.parametrize(
    ("text", "age"),
    [("90d", 90 * DAY), ("12h", DAY / 2), ("8w", 56 * DAY), ("1h", DAY / 24), ("3650d", 3650 * DAY)],
)
def test_age_is_read(text: str, age: timedelta) -> None:
    assert parse_age(text) == age


@pytest.mark.parametrize("text", ["", "90", "d", "90 d", "-1d", "1.5d", "90m", "1y", "90d12h", "٣d", "9999999d"])
def test_age_is_refused_when_it_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match="write a whole number and h, d or w"):
        parse_age(text)


@pytest.mark.parametrize("text", ["0d", "0h", "3651d", "999999w"])
def test_age_is_refused_when_it_is_out_of_range(text: str) -> None:
    with pytest.raises(ValueError, match="between 1h and 3650d"):
        parse_age(text)


@pytest.mark.usefixtures("week_of_calls")
def test_whole_days_are_dropped_and_the_rest_of_a_day_is_deleted() -> None:
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        purged = purge_calls(older_than=5 * DAY)
    assert (purged.partitions, purged.rows) == (4, 4)
    assert days_left(TENANT) == days_left(OTHER) == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2}
    gone = {f"p{NOW - ago * DAY:%Y%m%d}" for ago in (6, 7, 8, 9)}
    assert not gone & partition_days()
    assert f"p{NOW - 5 * DAY:%Y%m%d}" in partition_days()


@pytest.mark.usefixtures("week_of_calls")
def test_calls_of_the_same_day_stay_when_they_are_younger() -> None:
    with time_machine.travel(NOW - timedelta(minutes=1), tick=False):
        purged = purge_calls(older_than=5 * DAY)
    assert (purged.partitions, purged.rows) == (4, 0)
    assert days_left(TENANT) == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2, 5: 2}


@pytest.mark.usefixtures("week_of_calls")
def test_strays_in_the_default_partition_are_deleted_too() -> None:
    record([call(tenant_id=TENANT, timestamp=NOW - 40 * DAY), call(tenant_id=TENANT, timestamp=NOW - 20 * DAY)])
    assert purge_calls(older_than=30 * DAY).rows == 1
    assert days_left(TENANT)[20] == 1


@pytest.mark.usefixtures("week_of_calls")
def test_other_tenants_and_partitions_stay_when_a_tenant_is_named() -> None:
    partitions = partition_days()
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        purged = purge_calls(older_than=5 * DAY, tenant_id=TENANT)
    assert (purged.partitions, purged.rows) == (0, 10)
    assert days_left(TENANT) == {0: 2, 1: 2, 2: 2, 3: 2, 4: 2}
    assert days_left(OTHER) == dict.fromkeys(range(10), 2)
    assert partition_days() == partitions


@pytest.mark.usefixtures("week_of_calls")
def test_rollups_are_never_touched() -> None:
    purge_calls(older_than=DAY / 24)
    assert HourlyRollup.objects.exclude(target_id=ALL_TARGETS).count() == 40


@pytest.mark.usefixtures("week_of_calls")
@pytest.mark.parametrize("tenant_id", [None, TENANT])
def test_dry_run_says_what_a_run_removes_and_changes_nothing(tenant_id: UUID | None) -> None:
    record([call(tenant_id=TENANT, timestamp=NOW - 40 * DAY)])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE analytics_webhookcall")
    before = WebhookCall.objects.count(), partition_days()
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        foretold = purge_calls(older_than=5 * DAY, tenant_id=tenant_id, dry_run=True)
        assert (WebhookCall.objects.count(), partition_days()) == before
        done = purge_calls(older_than=5 * DAY, tenant_id=tenant_id)
    assert foretold == done
    assert foretold.rows == (5 if tenant_id is None else 11)
    assert foretold.rows_in_partitions == (16 if tenant_id is None else 0)


@pytest.mark.usefixtures("week_of_calls")
def test_interrupted_run_keeps_what_it_did_and_the_next_one_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 3)

    def stop_at_once(message: str) -> None:
        if message.endswith("6 rows deleted"):
            raise KeyboardInterrupt

    purged: Purged = {}
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        with pytest.raises(KeyboardInterrupt):
            purge_calls(older_than=5 * DAY, tenant_id=TENANT, progress=stop_at_once, purged=purged)
        assert purged["analytics_webhookcall"].rows == 6
        assert sum(days_left(TENANT).values()) == 14
        assert purge_calls(older_than=5 * DAY, tenant_id=TENANT).rows == 4
    assert sum(days_left(TENANT).values()) == 10


@pytest.mark.usefixtures("week_of_calls")
@pytest.mark.parametrize(("batch_rows", "batches"), [(7, [7, 7, 6]), (10, [10, 10]), (20, [20]), (21, [20])], ids=str)
def test_rows_are_deleted_in_batches_the_oldest_first(
    monkeypatch: pytest.MonkeyPatch, batch_rows: int, batches: list[int]
) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", batch_rows)
    newest = WebhookCall.objects.filter(tenant_id=TENANT).order_by("-id")[0].id
    deletion = delete_in_batches(WebhookCall.objects.filter(tenant_id=TENANT))
    seen = [next(deletion)]
    assert WebhookCall.objects.filter(id=newest).exists() == (batch_rows < 20)
    seen += deletion
    assert seen == batches
    assert days_left(TENANT) == {}
    assert sum(days_left(OTHER).values()) == 20


# --- By the settings, and every table --------------------------------------------------------------------------


def store_history(tenant_id: UUID, ago: int) -> None:
    moment = NOW - ago * DAY
    event_id = id_at(moment)
    Event.objects.create(id=event_id, tenant_id=tenant_id)
    Payload.objects.create(id=event_id, tenant_id=tenant_id, body="{}")
    Delivery.objects.create(id=id_at(moment), tenant_id=tenant_id, target_id=uuid7(), event_id=event_id)
    record([call(tenant_id=tenant_id, timestamp=moment)])


@pytest.fixture
def history(db: None, settings: Settings) -> None:
    """An event of each tenant, with all that belongs to it, of today and of days before."""
    settings.ANALYTICS_RETENTION_DAYS, settings.ANALYTICS_PAYLOAD_RETENTION_DAYS = 30, 20
    for ago in (0, 9, 19, 21, 29, 31):
        for tenant_id in (TENANT, OTHER):
            store_history(tenant_id, ago)
    make_partitions()


def ages(model: type[Any], tenant_id: UUID) -> list[int]:
    ids = model.objects.filter(tenant_id=tenant_id).order_by("-id").values_list("id", flat=True)
    return [round((NOW - uuid7_time(identifier)) / DAY) for identifier in ids]


@pytest.mark.usefixtures("history")
def test_every_table_keeps_what_the_settings_say() -> None:
    purged = purge_expired()
    assert {table: rows.partitions for table, rows in purged.items()} == {
        "analytics_webhookcall": 1,
        "webhooks_delivery": 1,
        "webhooks_payload": 3,
        "webhooks_event": 1,
    }
    for model in (WebhookCall, Delivery, Event):
        assert ages(model, TENANT) == ages(model, OTHER) == [0, 9, 19, 21, 29]
    assert ages(Payload, TENANT) == [0, 9, 19]
    again = purge_expired()
    assert {(rows.partitions, rows.rows) for rows in again.values()} == {(0, 0)}


@pytest.mark.usefixtures("history")
def test_tenants_may_have_less_and_others_keep_theirs() -> None:
    TenantRetention.objects.create(tenant_id=TENANT, days=20, payload_days=8)
    foretold = purge_expired(dry_run=True)
    purged = purge_expired()
    assert {table: (rows.partitions, rows.rows) for table, rows in purged.items()} == {
        "analytics_webhookcall": (1, 2),
        "webhooks_delivery": (1, 2),
        "webhooks_payload": (3, 2),
        "webhooks_event": (1, 2),
    }
    # A dry run counts a tenant's rows in partitions that would go anyway twice: once estimated, once counted.
    assert foretold["webhooks_payload"].rows == 5
    assert ages(WebhookCall, TENANT) == ages(Delivery, TENANT) == [0, 9, 19]
    assert ages(Payload, TENANT) == [0]
    assert ages(WebhookCall, OTHER) == [0, 9, 19, 21, 29]
    assert ages(Payload, OTHER) == [0, 9, 19]
    assert HourlyRollup.objects.filter(tenant_id=TENANT, target_id=ALL_TARGETS).count() == 6
    assert PurgeHorizon.objects.get(tenant_id=TENANT).calls_before.date() == (NOW - 20 * DAY).date()


@pytest.mark.usefixtures("history")
def test_one_tenant_alone_is_purged_when_it_is_named() -> None:
    purge_expired(tenant_id=OTHER)
    assert ages(Payload, OTHER) == [0, 9, 19]
    assert ages(Delivery, OTHER) == [0, 9, 19, 21, 29]
    assert ages(Payload, TENANT) == [0, 9, 19, 21, 29, 31]


@pytest.mark.usefixtures("history")
def test_what_is_still_needed_stays_whatever_the_age() -> None:
    told: list[str] = []
    with time_machine.travel(NOW + timedelta(hours=2), tick=False):
        purge_older_than(timedelta(hours=1), progress=told.append)
    assert ages(WebhookCall, TENANT) == []
    assert ages(Delivery, TENANT) == ages(Event, TENANT) == ages(Payload, TENANT) == [0]
    assert "webhooks_payload: rows of the last 3 days stay, being needed" in told


@pytest.mark.usefixtures("history")
def test_daily_task_purges_archives_and_gives_back_the_files(settings: Settings, tmp_path: Path) -> None:
    settings.ANALYTICS_ARCHIVE_DIR = str(tmp_path)
    with capture_logs() as logs:
        purge_task()
    assert ages(WebhookCall, TENANT) == [0, 9, 19, 21, 29]
    assert len(list(tmp_path.glob("analytics_webhookcall_p*.jsonl.gz"))) == 1
    assert list_removed_partitions() == []
    assert {
        "event": "history_purged",
        "log_level": "info",
        "table": "webhooks_payload",
        "partitions": 3,
        "rows": 0,
    } in logs
    schedule = settings.CELERY_BEAT_SCHEDULE
    assert schedule["purge-analytics"]["task"] == purge_task.name
    assert schedule["drop-removed-partitions"]["task"] == drop_removed_partitions_task.name


@pytest.mark.usefixtures("history")
def test_daily_task_removes_nothing_unarchived_and_fails_aloud(settings: Settings, tmp_path: Path) -> None:
    settings.ANALYTICS_ARCHIVE_DIR = str(tmp_path / "missing")
    with pytest.raises(ArchiveError):
        purge_task()
    assert ages(WebhookCall, TENANT) == [0, 9, 19, 21, 29, 31]


def test_files_are_given_back_by_a_task_of_its_own(db: None) -> None:
    record([call(tenant_id=TENANT, timestamp=NOW - 40 * DAY)])
    make_partitions()
    purge_older_than(30 * DAY)
    assert len(list_removed_partitions()) == 1
    drop_removed_partitions_task()
    assert list_removed_partitions() == []


def test_retained_tables_are_partitioned_ones(settings: Settings) -> None:
    assert {table.model._meta.label for table in retained_tables()} == set(settings.PARTITIONED_MODELS)
