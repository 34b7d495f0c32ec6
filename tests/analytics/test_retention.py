from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.db import connection

from analytics import retention
from analytics.models import ALL_TARGETS, HourlyRollup, WebhookCall
from analytics.retention import PurgedCalls, delete_in_batches, parse_age, purge_calls
from integrations.ids import uuid7
from integrations.partitioning.partitions import list_partitions, make_partitions
from tests.analytics.calls import NOW, call, record

DAY = timedelta(days=1)
TENANT, OTHER = uuid7(), uuid7()


@pytest.fixture
def week_of_calls(db: None) -> None:
    """Two calls of each tenant at this time of today and of each of the nine days before, all in partitions."""
    record([call(tenant_id=whose, timestamp=NOW - ago * DAY) for ago in range(10) for whose in (TENANT, OTHER) * 2])
    with time_machine.travel(NOW - 9 * DAY):
        make_partitions()
    make_partitions()


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

    purged = PurgedCalls()
    with time_machine.travel(NOW + timedelta(minutes=1), tick=False):
        with pytest.raises(KeyboardInterrupt):
            purge_calls(older_than=5 * DAY, tenant_id=TENANT, progress=stop_at_once, purged=purged)
        assert purged.rows == 6
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
