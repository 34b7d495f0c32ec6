"""Ten million calls in the tables: the first pages of the admin's lists, and the purge of all of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from io import StringIO
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

import psycopg
import time_machine
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from analytics.models import WebhookCall
from integrations.ids import uuid7_time
from integrations.models import User
from integrations.partitioning.days import day_bounds, partition_name, today
from integrations.partitioning.partitions import list_partitions
from integrations.partitioning.statements import create_day_statements
from tests.benchmarks.report import Bar
from webhooks.models import Delivery, Event

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "Ten million calls: the admin's lists, and the purge"
DAYS: Final = 30
RUNS: Final = 15
# (what, model, query): one call in fifty failed (half of these for good), one in a thousand by a timeout.
LISTS: Final = (
    ("calls", "analytics.WebhookCall", ""),
    ("calls that failed", "analytics.WebhookCall", "success__exact=0"),
    ("calls that timed out", "analytics.WebhookCall", "error_kind__exact=timeout"),
    ("calls of one webhook", "analytics.WebhookCall", "target_id={webhook}"),
    ("deliveries", "webhooks.Delivery", ""),
    ("events", "webhooks.Event", ""),
)

# A UUIDv7 at an even pace over a day, so that rows lie in the order of their ids, as they would.
_ID: Final = """
    (lpad(to_hex(%(first_ms)s + i * 86400000::bigint / %(rows)s), 12, '0')
        || '7' || substr(md5(i::text), 1, 3) || '8' || substr(md5(i::text), 4, 15))::uuid
"""
COLUMNS: Final = """
    id, tenant_id, target_kind, target_id, workflow_name, delivery_id, event_id, event_type, run, attempt, is_final,
    triggered_by, request_headers, status_code, response_body, response_time_ms, success, error_kind, error_message,
    metadata, timestamp
"""
ROWS: Final = f"""
    SELECT {_ID}, %(tenant)s, 'webhook', (%(targets)s::uuid[])[1 + i %% %(target_count)s], 'order_created', {_ID}, {_ID},
        'order.created', 1, 1, i %% 100 <> 50, 'api', %(headers)s::jsonb,
        CASE WHEN i %% 1000 = 0 THEN NULL WHEN i %% 50 = 0 THEN 503 ELSE 200 END, '{{"ok": true}}', 20 + i %% 300,
        i %% 50 <> 0, CASE WHEN i %% 1000 = 0 THEN 'timeout' WHEN i %% 50 = 0 THEN 'status' ELSE '' END,
        CASE WHEN i %% 50 = 0 THEN 'The endpoint did not take it.' ELSE '' END, '{{}}'::jsonb,
        to_timestamp((%(first_ms)s + i * 86400000::bigint / %(rows)s) / 1000.0)
    FROM generate_series(0, %(rows)s - 1) AS i
"""
_CALLS: Final = "INSERT INTO {table} ({columns}) {rows}"
HEADERS: Final = (
    '{"Content-Type": "application/json", "User-Agent": "Signalbox", "X-Signalbox-Workflow": "order_created",'
    ' "webhook-id": "0198f0a0-0000-7000-8000-000000000000", "webhook-timestamp": "1760000000", "webhook-signature": "***"}'
)


def run(site: Site) -> None:
    calls = 300_000 if site.is_quick else 10_000_000
    site.empty()
    _load_calls(site, calls)
    _load_deliveries(site, 20_000 if site.is_quick else 500_000)
    # The end of the last day that was loaded: a filtered list, which looks at the last 24 hours, has a whole day to read.
    with time_machine.travel(datetime.combine(today() - timedelta(days=1), time_of_day(), tzinfo=UTC)):
        client = admin_client()
        for what, label, query in LISTS:
            if admin.site.is_registered(apps.get_model(label)):
                _measure_list(site, client, what, label, query.format(webhook=site.target_ids[0]), calls)
    _measure_purge(site, calls)
    site.empty()


def _load_calls(site: Site, calls: int) -> None:
    """Load calls of the thirty days before yesterday, each day into a partition of its own."""
    rows = calls // DAYS
    known = {partition.day for partition in list_partitions(WebhookCall)}
    table = WebhookCall._meta.db_table
    with site.connect() as connection:
        connection.autocommit = True
        for day in (today() - timedelta(days=ago) for ago in range(DAYS + 1, 1, -1)):
            for statement in () if day in known else create_day_statements(table, day):
                connection.execute(statement)  # type: ignore[call-overload]
            parameters = {
                "first_ms": first_millisecond(day),
                "rows": rows,
                "tenant": site.tenant.id,
                "targets": site.target_ids,
                "target_count": len(site.target_ids),
                "headers": HEADERS,
            }
            connection.execute(_CALLS.format(table=partition_name(table, day), columns=COLUMNS, rows=ROWS), parameters)
        connection.execute(f"VACUUM ANALYZE {table}")


def first_millisecond(day: date) -> int:
    return round(uuid7_time(day_bounds(day)[0]).timestamp() * 1000)


def _load_deliveries(site: Site, deliveries: int) -> None:
    site.load(deliveries, is_due=False)
    with site.connect() as connection:
        connection.autocommit = True
        for model in (Event, Delivery):
            connection.execute(f"VACUUM ANALYZE {model._meta.db_table}")


def admin_client() -> Client:
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.filter(is_superuser=True).order_by("id")[0])
    return client


def _measure_list(site: Site, client: Client, what: str, label: str, query: str, calls: int) -> None:
    meta = apps.get_model(label)._meta
    address = f"{reverse(f'admin:{meta.app_label}_{meta.model_name}_changelist')}?{query}"
    seconds_of(client, address)  # templates and the like are loaded once
    times = [seconds_of(client, address) * 1000 for _ in range(RUNS)]
    middle = median(times)
    note = f"slowest of {RUNS}: {max(times):.0f} ms; answered by Django within the process"
    bars = [(Bar(300, at_most=True), middle, "ms")]
    rows = f" of {calls:,}" if label == "analytics.WebhookCall" else ""
    site.report.add(SECTION, f"admin, first page of {what}{rows}: p50", middle, "ms", bars=bars, note=note)


def seconds_of(client: Client, address: str) -> float:
    started = time.perf_counter()
    answer: Any = client.get(address)
    took = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    return took


def _measure_purge(site: Site, calls: int) -> None:
    stored = site.value("SELECT count(*) FROM analytics_webhookcall")
    forget_files(site)
    output = StringIO()
    with recorder_beside(site) as waits:
        started = time.perf_counter()
        call_command("purge_analytics", "--older-than", "1h", "--yes", stdout=output)
        took = time.perf_counter() - started
    left = site.value("SELECT count(*) FROM analytics_webhookcall") - len(waits)
    note = (
        f"purge_analytics: {stored - left:,} of {stored:,} rows; whoever recorded a call beside it waited "
        f"{max(waits) * 1000:.0f} ms at most (p50 {median(waits) * 1000:.0f} ms): the rest is the system releasing files"
    )
    bars = [(Bar(1, at_most=True), took, "s"), (Bar(200, at_most=True), max(waits) * 1000, "ms")]
    site.report.add(SECTION, f"purge of {calls:,} calls past retention", took, "s", bars=bars, note=note)


def forget_files(site: Site) -> None:
    """Write the tables out and take them from the system's memory: what is past retention was last used long ago."""
    with psycopg.connect(**site.superuser, autocommit=True) as superuser:
        superuser.execute("CHECKPOINT")
        row = superuser.execute("SHOW data_directory").fetchone()
    for path in Path(row[0] if row else "").glob("base/*/*"):
        with suppress(FileNotFoundError), path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def recorder_beside(site: Site) -> Iterator[list[float]]:
    """Record a call every few milliseconds, and give the seconds that each one took."""
    waits: list[float] = []
    is_over = threading.Event()

    def record_calls() -> None:
        with site.connect() as connection:
            connection.autocommit = True
            while not waits or not is_over.wait(0.005):
                moment = datetime.now(UTC)
                parameters = {
                    "first_ms": round(moment.timestamp() * 1000),
                    "rows": 1,
                    "tenant": site.tenant.id,
                    "targets": site.target_ids,
                    "target_count": len(site.target_ids),
                    "headers": HEADERS,
                }
                started = time.perf_counter()
                statement = _CALLS.format(table=WebhookCall._meta.db_table, columns=COLUMNS, rows=ROWS)
                connection.execute(statement, parameters)
                waits.append(time.perf_counter() - started)

    thread = threading.Thread(target=record_calls)
    thread.start()
    try:
        yield waits
    finally:
        is_over.set()
        thread.join()
