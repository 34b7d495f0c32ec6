"""What tenants' backends ask for, over HTTP through gunicorn with real API keys, with and without row-level security.

Each tenant has a part: one reads fifty webhooks, one publishes events, one makes webhooks, which are deleted between the
runs. No worker runs, so nothing is sent.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import psycopg

from integrations.models import Tenant
from integrations.services.integrations import create_integration
from tests.benchmarks.api_table import Requests
from tests.benchmarks.bare_loop import BODY
from tests.benchmarks.dataset import ACTOR, make_key, make_tenant, make_webhooks
from tests.benchmarks.http_load import NUMBER, Asked, Found, load
from tests.benchmarks.reading import CALLS, load_rollups
from tests.benchmarks.report import Bar

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

FAN_OUTS = (0, 1, 10)
CONNECTIONS = 16
RUNS = 3
FULL = f"Requests of tenants' backends, one web process, {CONNECTIONS} connections"
ALONE = "The same, one request after another"
WITH_LOG = f"Publishing with a log line for each request, {CONNECTIONS} connections"
WHATSAPP = {
    "provider": "whatsapp",
    "phone_number_id": "106540352242922",
    "business_account_id": "102290129340398",
    "access_token": "EAAT" + "0123456789" * 18,
    "app_secret": "0123456789abcdef" * 2,
}


@dataclass(frozen=True, slots=True)
class Operation:
    """`asked.url` is a path here: the address is added to it. `bar` is for the median of one request alone."""

    what: str
    asked: Asked
    bar_ms: float | None = None
    bar_per_second: float | None = None
    clean_up: Callable[[], None] = field(default=lambda: None)


def run(site: Site) -> None:
    operations = list(_operations(site))
    with ExitStack() as stack:
        scoped = stack.enter_context(site.web())
        unscoped = stack.enter_context(site.web("tests.benchmarks.unscoped_wsgi"))
        for operation in operations:
            _at_full_load(site, operation, scoped, unscoped)
        for operation in operations:
            _alone(site, operation, scoped)
    _with_log(site, next(operation for operation in operations if operation.bar_per_second))


def _operations(site: Site) -> Iterator[Operation]:
    publisher, maker = make_tenant("publisher"), make_tenant("maker")
    reading, publishing, making = (make_key(tenant) for tenant in (site.tenant, publisher, maker))
    integration = create_integration(
        actor=ACTOR,
        tenant=site.tenant,
        provider="whatsapp",
        values={k: v for k, v in WHATSAPP.items() if k != "provider"},
    )
    load_rollups(site)
    for fan_out in FAN_OUTS:
        make_webhooks(publisher, site.receiver, fan_out, event_types=[f"to.{fan_out}"])
        body = json.dumps({"type": f"to.{fan_out}", "payload": json.loads(BODY)})
        asked = Asked(url="events", token=publishing, body=body)
        yield Operation(
            f"publish an event of 1 KiB to {fan_out} webhooks", asked, bar_per_second=500 if fan_out == 1 else None,
            clean_up=site.empty_queue,
        )  # fmt: skip

    def get(what: str, path: str, bar: float) -> Operation:
        return Operation(what, Asked(url=path, token=reading, method="GET"), bar_ms=bar)

    yield get("list webhooks (50)", "webhooks", 35)
    yield get("list integrations", "integrations", 50)
    yield get(f"summary of 30 days, {CALLS:,} calls", "webhooks/analytics/summary", 50)
    whatsapp = Asked(url=f"integrations/{integration.id}", token=reading, method="PUT", body=json.dumps(WHATSAPP))
    yield Operation("put a WhatsApp integration", whatsapp, bar_ms=150)
    made = {"workflow_name": f"made_{NUMBER}", "url": f"{site.receiver}/made", "auth_token": "a" * 40}
    create = Asked(url="webhooks", token=making, body=json.dumps(made))
    yield Operation("create a webhook", create, bar_ms=120, clean_up=lambda: _delete_webhooks(site, maker))


def _delete_webhooks(site: Site, tenant: Tenant) -> None:
    with psycopg.connect(site.processes.database_url) as connection:
        connection.execute("DELETE FROM webhooks_webhook WHERE tenant_id = %s", [tenant.id])


def _at_full_load(site: Site, operation: Operation, scoped: str, unscoped: str) -> None:
    """Measure in turns, so that what changes on the machine meanwhile changes both, and show the median runs."""
    seconds = 1.5 if site.is_quick else 4
    found: dict[str, list[Found]] = {scoped: [], unscoped: []}
    for _ in range(1 if site.is_quick else RUNS):
        for url, runs in found.items():
            runs.append(_load(operation, url, connections=CONNECTIONS, seconds=seconds))
    ours, theirs = (sorted(runs, key=lambda each: each.per_second)[len(runs) // 2] for runs in found.values())
    bar = operation.bar_per_second
    bars = ((Bar(bar), ours.per_second, "/s"),) if bar else ()
    _add(site, FULL, operation.what, ours, ratio_to_unscoped=ours.per_second / theirs.per_second, bars=bars)


def _alone(site: Site, operation: Operation, url: str) -> None:
    found = _load(operation, url, connections=1, seconds=1.5 if site.is_quick else 4)
    bars = ((Bar(operation.bar_ms, at_most=True), found.middle_ms, "ms p50"),) if operation.bar_ms else ()
    _add(site, ALONE, operation.what, found, bars=bars)


def _with_log(site: Site, operation: Operation) -> None:
    """The other figures are without the log line that an installation writes for each request unless told otherwise."""
    environment = site.processes.environment
    for level in ("WARNING", "INFO"):
        environment["LOG_LEVEL"] = level
        with site.web() as url:
            found = _load(operation, url, connections=CONNECTIONS, seconds=2 if site.is_quick else 8)
        _add(site, WITH_LOG, f"{operation.what}, LOG_LEVEL={level}", found)
    environment["LOG_LEVEL"] = "WARNING"


def _load(operation: Operation, address: str, *, connections: int, seconds: float) -> Found:
    asked = replace(operation.asked, url=f"{address}/api/v1/{operation.asked.url}", connections=connections)
    load(replace(asked, seconds=0.5))  # connections and caches
    operation.clean_up()
    try:
        return load(replace(asked, seconds=seconds))
    finally:
        operation.clean_up()


def _add(site: Site, section: str, what: str, found: Found, **more: Any) -> None:
    row = Requests(what=what, per_second=found.per_second, middle_ms=found.middle_ms, high_ms=found.high_ms, **more)
    site.report.add_row(section, row)
