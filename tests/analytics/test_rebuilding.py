from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from analytics.management.commands import rebuild_rollups as command
from analytics.models import ALL_TARGETS, ErrorKind, HourlyRollup, MinuteRollup, PurgeHorizon
from analytics.rebuilding import HOUR, RebuiltRollups, earliest_hour, note_purge, rebuild_rollups
from analytics.recording import CallRecord
from integrations.errors import InvalidInputError
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.partitioning.partitions import make_partitions
from tests.analytics.calls import NOW, call, record
from tests.analytics.sums import MODELS, stored_sums, sums_of_rows

TENANT, OTHER = uuid7(), uuid7()
DAYS = 3


@pytest.fixture
def partitions(db: None) -> None:
    """A partition for each of the last four days."""
    with time_machine.travel(NOW - DAYS * timedelta(days=1)):
        make_partitions()


def attempts(count: int, *, seed: int = 0, newest: datetime = NOW) -> list[CallRecord]:
    """Return attempts of two tenants with three webhooks each, of all kinds and times of the last two days."""
    luck = random.Random(seed)
    webhooks = {TENANT: [uuid7() for _ in range(3)], OTHER: [uuid7() for _ in range(3)]}
    made = []
    for _ in range(count):
        tenant_id = luck.choice([TENANT, OTHER])
        kind = luck.choice(["", "", "", *ErrorKind.values])
        status = {"": 200, "status": luck.choice([302, 404, 500, 999])}.get(kind)
        made.append(
            call(
                tenant_id=tenant_id,
                target_id=luck.choice(webhooks[tenant_id]),
                status_code=status,
                error_kind=kind,
                success=not kind,
                is_final=luck.random() < 0.7,
                response_time_ms=luck.choice([0, 1, 2, 8, 9, 60_000, 61_000, luck.randrange(60_000)]),
                timestamp=newest - timedelta(minutes=luck.randrange(40 * 60)),
            )
        )
    return made


def damage() -> None:
    """Change, remove and invent sums of both tables."""
    for model in MODELS:
        rows = model._default_manager.order_by("tenant_id", "target_id", model.span_column)
        keys = list(rows.values_list("tenant_id", "target_id", model.span_column))
        for position, (tenant_id, target_id, span) in enumerate(keys):
            row = rows.filter(tenant_id=tenant_id, target_id=target_id, **{model.span_column: span})
            if position % 4 == 0:
                row.delete()
            elif position % 4 == 1:
                row.update(calls=7, timeouts=0, answered_2xx=0, histogram=[3] * 24)
            elif position % 4 == 2:
                row.update(histogram=[1, 2])
        model._default_manager.create(
            tenant_id=TENANT, target_id=uuid7(), calls=4, attempts=5, **{model.span_column: NOW.replace(minute=0)}
        )


@pytest.mark.usefixtures("partitions")
def test_damaged_sums_become_what_the_calls_add_up_to() -> None:
    record(attempts(300))
    right = [stored_sums(model) for model in MODELS]
    assert right == [sums_of_rows(model) for model in MODELS]
    damage()
    rebuilt = rebuild_rollups()
    assert [stored_sums(model) for model in MODELS] == right
    assert rebuilt.hourly_rows > 100
    assert rebuilt.minute_rows > 300
    again = rebuild_rollups()
    assert (again.hours, again.hourly_rows, again.minute_rows) == (rebuilt.hours, 0, 0)


@pytest.mark.usefixtures("partitions")
def test_dry_run_says_how_many_rows_differ_and_changes_nothing() -> None:
    record(attempts(60))
    damage()
    damaged = [stored_sums(model) for model in MODELS]
    foretold = rebuild_rollups(dry_run=True)
    assert [stored_sums(model) for model in MODELS] == damaged
    assert foretold.hourly_rows > 0
    done = rebuild_rollups()
    assert (foretold.hourly_rows, foretold.minute_rows) == (done.hourly_rows, done.minute_rows)


@pytest.mark.usefixtures("partitions")
def test_only_one_tenant_and_its_hours_are_put_right_when_they_are_named() -> None:
    old = NOW - 3 * HOUR
    record([call(tenant_id=whose, timestamp=moment) for whose in (TENANT, OTHER) for moment in (NOW, old)])
    HourlyRollup.objects.update(calls=9)
    rebuild_rollups(start=NOW - HOUR, end=NOW, tenant_id=TENANT)
    wrong = HourlyRollup.objects.filter(calls=9).values_list("tenant_id", "hour").distinct().order_by("hour")
    hour, old_hour = NOW.replace(minute=0), old.replace(minute=0)
    assert set(wrong) == {(TENANT, old_hour), (OTHER, old_hour), (OTHER, hour)}


@pytest.mark.usefixtures("partitions")
def test_minutes_that_are_no_longer_kept_are_not_made_again() -> None:
    record([call(tenant_id=TENANT, timestamp=NOW - timedelta(hours=50))])
    MinuteRollup.objects.all().delete()
    HourlyRollup.objects.update(calls=9)
    rebuild_rollups()
    assert MinuteRollup.objects.count() == 0
    assert list(HourlyRollup.objects.values_list("calls", flat=True)) == [1, 1]


@pytest.mark.usefixtures("partitions")
def test_hours_whose_calls_are_gone_are_refused() -> None:
    first = earliest_hour()
    assert first == (NOW - timedelta(days=DAYS)).replace(hour=0, minute=0)
    with pytest.raises(InvalidInputError) as refusal:
        rebuild_rollups(start=first - timedelta(minutes=1))
    assert refusal.value.errors == {
        "from": [f"Calls before {first:%Y-%m-%dT%H:%MZ} are gone: begin there, or sums would be lost with them."]
    }
    with pytest.raises(InvalidInputError) as refusal:
        rebuild_rollups(start=NOW, end=NOW - HOUR)
    assert list(refusal.value.errors) == ["to"]


@pytest.mark.usefixtures("partitions")
def test_sums_outlive_calls_that_were_purged() -> None:
    old = NOW - timedelta(days=1)
    record([call(tenant_id=whose, timestamp=moment) for whose in (TENANT, OTHER) for moment in (NOW, old)])
    note_purge(tenant_id=TENANT, before=old + HOUR)
    note_purge(tenant_id=TENANT, before=old - HOUR)  # an older one changes nothing
    assert PurgeHorizon.objects.get().calls_before == old + HOUR
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM analytics_webhookcall WHERE tenant_id = %s AND timestamp = %s", [TENANT, old])
    before = stored_sums(HourlyRollup)
    HourlyRollup.objects.filter(tenant_id=OTHER).update(calls=9)
    rebuild_rollups()
    assert stored_sums(HourlyRollup) == before
    with pytest.raises(InvalidInputError):
        rebuild_rollups(start=old, tenant_id=TENANT)
    note_purge(tenant_id=None, before=NOW)
    assert earliest_hour() == NOW.replace(minute=0) + HOUR


def _in_threads(*works: Callable[[], Any]) -> None:
    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        list(threads.map(run, works))  # raises what a thread raised


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_or_counted_twice_when_recorders_and_rebuilds_run_side_by_side() -> None:
    now = timezone.now()
    rounds = [attempts(30, seed=number, newest=now) for number in range(20)]
    for made in rounds:
        for one in made:
            one.timestamp = now
            one.id = uuid7()
    record(rounds[0])
    damage_done = threading.Event()

    def record_all() -> None:
        for number, made in enumerate(rounds[1:]):
            record(made)
            if number == 5:
                HourlyRollup.objects.filter(target_id=ALL_TARGETS).update(calls=1_000, answered_5xx=0)
                MinuteRollup.objects.exclude(target_id=ALL_TARGETS).delete()
                damage_done.set()

    def rebuild_again_and_again() -> None:
        with time_machine.travel(now):
            damage_done.wait(20)
            for _ in range(5):
                rebuild_rollups(start=now)

    _in_threads(record_all, rebuild_again_and_again, rebuild_again_and_again)
    assert [stored_sums(model) for model in MODELS] == [sums_of_rows(model) for model in MODELS]


@pytest.mark.django_db(transaction=True)
def test_what_a_recorder_has_not_committed_is_no_difference() -> None:
    moment = timezone.now()
    first = call(tenant_id=TENANT, timestamp=moment, id=uuid7())
    record([first])
    recorded, seen = threading.Event(), threading.Event()

    def record_slowly() -> None:
        with transaction.atomic():
            record([call(tenant_id=TENANT, target_id=first.target_id, timestamp=moment, id=uuid7())])
            recorded.set()
            assert seen.wait(20)

    def look() -> None:
        try:
            assert recorded.wait(20)
            with time_machine.travel(moment):
                found = rebuild_rollups(start=moment)
            assert (found.hourly_rows, found.minute_rows) == (0, 0)
        finally:
            seen.set()

    _in_threads(record_slowly, look)
    assert [stored_sums(model) for model in MODELS] == [sums_of_rows(model) for model in MODELS]


# --- The command ----------------------------------------------------------------------------------------------


def run(*arguments: str) -> str:
    output = StringIO()
    call_command("rebuild_rollups", *arguments, stdout=output)
    return output.getvalue()


@pytest.mark.usefixtures("partitions")
def test_command_puts_right_what_is_named_and_says_so(tenant: Tenant) -> None:
    record([call(tenant_id=tenant.id), call(tenant_id=OTHER)])
    right = stored_sums(HourlyRollup)
    HourlyRollup.objects.update(calls=9)
    # Its hour and no other, also when the next one has begun since.
    hour = ["--from", f"{NOW:%Y-%m-%dT%H:00Z}", "--to", f"{NOW + timedelta(minutes=1):%Y-%m-%dT%H:%M+00:00}"]
    assert "1 hour: 2 rows by the hour and 0 by the minute differ" in run(*hour, "--tenant", tenant.slug, "--dry-run")
    assert "1 hour: 2 rows by the hour and 0 by the minute put right" in run(*hour, "--tenant", tenant.slug)
    assert "2 rows by the hour and 0 by the minute put right" in run("--to", f"{NOW:%Y-%m-%dT%H:%M+00:00}")
    assert stored_sums(HourlyRollup) == right


@pytest.mark.usefixtures("partitions")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "soon"], "'soon' is no time"),
        (["--from", "2020-01-01"], r"--from: Calls before .* are gone: begin there"),
        (["--to", "2020-01-01"], r"--to: This must be later than"),
        (["--tenant", "nobody"], "There is no tenant 'nobody'"),
    ],
)
def test_command_refuses_in_one_sentence(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


def test_command_says_where_to_go_on_when_it_is_stopped(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*, rebuilt: RebuiltRollups, **_arguments: Any) -> None:
        rebuilt.hours, rebuilt.next_hour = 4, datetime(2026, 11, 20, 4, tzinfo=UTC)
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "rebuild_rollups", stop)
    with pytest.raises(CommandError, match="with --from 2026-11-20T04:00Z to go on") as stopped:
        run()
    assert stopped.value.returncode == 130
