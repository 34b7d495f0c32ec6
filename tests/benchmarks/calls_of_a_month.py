"""Thirty days of calls with their sums, loaded by COPY, and what everything that reads or removes them takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from datetime import time as time_of_day
from io import StringIO
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import time_machine
from django.core.management import call_command
from django.db import connection as django_connection
from django.db import transaction
from django.test import Client, override_settings
from django.urls import NoReverseMatch, reverse
from psycopg.sql import SQL, Identifier, Literal

from analytics.models import WebhookCall
from analytics.period import Period
from analytics.queries import calls_of_tenant, calls_of_webhook
from analytics.rebuilding import rebuild_rollups
from analytics.recording import CallRecord, copy_calls, upsert_rollups
from analytics.summaries import summary
from analytics.timeseries import timeseries
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.partitioning.days import partition_name, today
from integrations.partitioning.partitions import drop_removed_partitions, list_partitions
from integrations.partitioning.statements import create_day_statements
from tests.benchmarks.history import (
    COLUMNS,
    DAYS,
    HEADERS,
    ROWS,
    admin_client,
    first_millisecond,
    forget_files,
    recorder_beside,
    seconds_of,
)
from tests.benchmarks.report import Bar
from tests.benchmarks.sizes_table import Figure

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

RUNS: Final = 15
BATCH: Final = 300
BATCHES: Final = 60
PURGED_DAYS: Final = 10

# What is measured, its unit and its bar, in the order of the table.
MEASURES: Final[tuple[tuple[str, str, Bar | None], ...]] = (
    ("summary of 30 days: p50", "ms", Bar(50, at_most=True)),
    ("summary of 30 days of one webhook: p50", "ms", Bar(50, at_most=True)),
    ("time series of 30 days: p50", "ms", Bar(50, at_most=True)),
    ("first page of a tenant's calls: p50", "ms", Bar(100, at_most=True)),
    ("first page of a webhook's calls: p50", "ms", Bar(100, at_most=True)),
    ("first page of a webhook's failed calls: p50", "ms", Bar(100, at_most=True)),
    ("admin, list of calls: p50", "ms", Bar(300, at_most=True)),
    ("admin, list of failed calls: p50", "ms", Bar(300, at_most=True)),
    ("admin, index: p50", "ms", Bar(300, at_most=True)),
    ("admin, a tenant's dashboard: p50", "ms", Bar(300, at_most=True)),
    (f"purge of the oldest {PURGED_DAYS} days", "s", Bar(1, at_most=True)),
    ("its files given back by the worker, which nobody waits for", "s", None),
    ("longest wait of a recorder beside the purge", "ms", Bar(200, at_most=True)),
    ("recording: rollups for each call", "µs", None),
    ("recording: COPY of the row for each call", "µs", None),
    ("table for each call", "bytes", None),
    ("indexes for each call", "bytes", None),
    ("loading, by COPY", "s", None),
    ("rebuild_rollups of the 30 days", "s", None),
)


def measure(site: Site, calls: int) -> dict[str, Figure]:
    """Fill the tables with so many calls, measure everything, and leave them empty; figures by the name in `MEASURES`."""
    site.empty()
    found = {"loading, by COPY": Figure(_seconds(lambda: _load(site, calls)))}
    found["rebuild_rollups of the 30 days"] = Figure(_seconds(_sum_up))
    with site.connect() as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE analytics_webhookcall, analytics_hourlyrollup, analytics_minuterollup")
    # Midnight: the last day is whole, and a filtered list, which looks at 24 hours, has all of it to read.
    with time_machine.travel(datetime.combine(today(), time_of_day(), tzinfo=UTC)):
        assert summary(tenant_id=site.tenant.id).attempts == calls // DAYS * DAYS
        found |= _reading(site)
        found |= _admin_pages(site)
    found |= _sizes(site, calls)
    found |= _recording(site)
    found |= _purge(site)
    site.empty()
    return found


def _load(site: Site, calls: int) -> None:
    """Copy calls of the thirty days before today, each day into a partition of its own.

    The rows are made by PostgreSQL, as fast as it can, and piped from one COPY into the other.
    """
    table = WebhookCall._meta.db_table
    known = {partition.day for partition in list_partitions(WebhookCall)}
    with site.connect() as source, site.connect() as sink:
        for day in (today() - timedelta(days=ago) for ago in range(DAYS, 0, -1)):
            for statement in () if day in known else create_day_statements(table, day):
                sink.execute(statement)  # type: ignore[call-overload]
            values = {
                "first_ms": first_millisecond(day),
                "rows": calls // DAYS,
                "tenant": site.tenant.id,
                "targets": site.target_ids,
                "target_count": len(site.target_ids),
                "headers": HEADERS,
            }
            rows = SQL(_named(ROWS)).format(**{name: Literal(value) for name, value in values.items()})  # type: ignore[arg-type]
            into = SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
                Identifier(partition_name(table, day)),
                SQL(COLUMNS),  # type: ignore[arg-type]
            )
            with (
                source.cursor().copy(SQL("COPY ({}) TO STDOUT (FORMAT binary)").format(rows)) as reading,
                sink.cursor().copy(into) as writing,
            ):
                for block in reading:
                    writing.write(block)
            sink.commit()


def _named(statement: str) -> str:
    """Turn psycopg's placeholders, which COPY does not take, into those of its SQL composition."""
    text = statement.replace("{", "{{").replace("}", "}}")
    for name in ("first_ms", "rows", "tenant", "targets", "target_count", "headers"):
        text = text.replace(f"%({name})s", f"{{{name}}}")
    return text.replace("%%", "%")


def _sum_up() -> None:
    rebuild_rollups(start=datetime.combine(today() - timedelta(days=DAYS), time_of_day(), tzinfo=UTC))


def _reading(site: Site) -> dict[str, Figure]:
    tenant_id, webhook_id = site.tenant.id, site.target_ids[0]

    def page(rows: Callable[[], Any]) -> Callable[[], None]:
        def work() -> None:
            with tenant_scope(tenant_id):
                assert len(rows()[:51]) == 51

        return work

    one = {"tenant_id": tenant_id, "webhook_id": webhook_id}
    works: dict[str, Callable[[], Any]] = {
        "summary of 30 days": lambda: summary(tenant_id=tenant_id),
        "summary of 30 days of one webhook": lambda: summary(**one),
        "time series of 30 days": lambda: timeseries(
            tenant_id=tenant_id, period=Period.requested(start=None, end=None)
        ),
        "first page of a tenant's calls": page(lambda: calls_of_tenant(tenant_id=tenant_id)),
        "first page of a webhook's calls": page(lambda: calls_of_webhook(**one)),
        "first page of a webhook's failed calls": page(lambda: calls_of_webhook(**one).filter(success=False)),
    }
    return {f"{what}: p50": _middle(lambda work=work: _seconds(work)) for what, work in works.items()}


def _admin_pages(site: Site) -> dict[str, Figure]:
    client = admin_client()
    calls = reverse("admin:analytics_webhookcall_changelist")
    pages = {
        "admin, list of calls: p50": calls,
        "admin, list of failed calls: p50": f"{calls}?success__exact=0",
        "admin, index: p50": reverse("admin:index"),
    }
    with suppress(NoReverseMatch):  # then the table says that it is not there
        pages["admin, a tenant's dashboard: p50"] = reverse("admin:tenant_dashboard", args=[site.tenant.pk])
    return {what: _middle(_opening(client, address)) for what, address in pages.items()}


def _opening(client: Client, address: str) -> Callable[[], float]:
    return lambda: seconds_of(client, address)


def _sizes(site: Site, calls: int) -> dict[str, Figure]:
    heap, indexes = site.query(
        "SELECT sum(pg_table_size(inhrelid))::float, sum(pg_indexes_size(inhrelid))::float FROM pg_inherits"
        " WHERE inhparent = 'analytics_webhookcall'::regclass"
    )[0]
    return {"table for each call": Figure(heap / calls), "indexes for each call": Figure(indexes / calls)}


def _recording(site: Site) -> dict[str, Figure]:
    """Record batches as the engine does, of fifty webhooks of one tenant, and time their two parts."""
    copying, summing = [], []
    for _ in range(BATCHES):
        batch = [_call(site, number) for number in range(BATCH)]
        with transaction.atomic(), django_connection.cursor() as wrapper:
            started = time.perf_counter()
            copy_calls(wrapper.cursor, batch)
            copied = time.perf_counter()
            upsert_rollups(wrapper.cursor, batch)
            copying.append(copied - started)
            summing.append(time.perf_counter() - copied)
    return {
        "recording: rollups for each call": Figure(median(summing) / BATCH * 1e6),
        "recording: COPY of the row for each call": Figure(median(copying) / BATCH * 1e6),
    }


def _call(site: Site, number: int) -> CallRecord:
    return CallRecord(
        tenant_id=site.tenant.id,
        target_id=site.target_ids[number % len(site.target_ids)],
        workflow_name="order_created",
        delivery_id=uuid7(),
        event_id=uuid7(),
        event_type="order.created",
        attempt=1,
        is_final=True,
        request_headers={"Content-Type": "application/json", "User-Agent": "Signalbox"},
        status_code=200,
        response_body='{"ok": true}',
        response_time_ms=20 + number,
        success=True,
        timestamp=datetime.now(UTC),
    )


def _purge(site: Site) -> dict[str, Figure]:
    """Purge by the retention of the settings, as the daily task does, of what was last used long ago."""
    partitions = len(list_partitions(WebhookCall))
    forget_files(site)
    with override_settings(ANALYTICS_RETENTION_DAYS=DAYS - PURGED_DAYS), recorder_beside(site) as waits:
        took = _seconds(lambda: call_command("purge_analytics", "--yes", stdout=StringIO()))
    assert partitions - len(list_partitions(WebhookCall)) == PURGED_DAYS
    given_back = _seconds(drop_removed_partitions)
    return {
        f"purge of the oldest {PURGED_DAYS} days": Figure(took),
        "its files given back by the worker, which nobody waits for": Figure(given_back),
        "longest wait of a recorder beside the purge": Figure(max(waits) * 1000),
    }


def _middle(work: Callable[[], float]) -> Figure:
    work()  # templates, plans and the like are made once
    times = [work() * 1000 for _ in range(RUNS)]
    return Figure(median(times), f"slowest {max(times):.0f}")


def _seconds(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
