"""A million deliveries wait in one tenant, ten in each of a thousand others: how long until those are done."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from tests.benchmarks.dataset import Batch, Loader, make_tenant, make_webhooks
from tests.benchmarks.report import Bar
from tests.running_site import wait_until

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "A big tenant beside a thousand small ones, one worker process"
EACH = 10
_SMALL_DONE = "SELECT coalesce(sum(total_calls), 0) FROM webhooks_webhookstats WHERE tenant_id <> %s"


def run(site: Site) -> None:
    waiting = 100_000 if site.is_quick else 1_000_000
    small = [_small_tenant(site, number) for number in range(100 if site.is_quick else 1_000)]
    loader = Loader()
    site.empty()
    with site.connect() as connection:
        loader.load(connection, site.tenant.id, site.target_ids, deliveries=waiting, fan_out=50)
    what = f"{len(small) * EACH:,} of {len(small):,} tenants done beside {waiting:,} waiting"
    with site.worker():
        seconds, big = _until_small_are_done(site, loader, small)
        bars = [(Bar(5, at_most=True), seconds, "s")]
        site.report.add(SECTION, what, seconds, "s", bars=bars, note=f"{big:,} of the big tenant's meanwhile")
        with _transaction_held_open(site):
            held, big = _until_small_are_done(site, loader, small)
    bars = [(Bar(5, at_most=True), held, "s")]
    what = "the same once more, with a transaction held open since before"
    site.report.add(SECTION, what, held, "s", bars=bars, note=f"{big:,} of the big tenant's meanwhile")
    site.empty()


def _small_tenant(site: Site, number: int) -> tuple[UUID, UUID]:
    tenant = make_tenant(f"small-{number}")
    return tenant.id, make_webhooks(tenant, site.receiver, 1)[0].id


def _until_small_are_done(site: Site, loader: Loader, small: list[tuple[UUID, UUID]]) -> tuple[float, int]:
    """Return seconds from the moment at which the small tenants' deliveries are stored, and the big one's meanwhile."""
    batch, now = Batch(), datetime.now(UTC)
    for tenant_id, target_id in small:
        for _ in range(EACH):
            loader.add(batch, tenant_id=tenant_id, target_ids=[target_id], at=now)
    of_small = int(site.value(_SMALL_DONE, site.tenant.id))
    with site.connect() as connection:
        loader.store(connection, batch)
    started, in_all = time.monotonic(), site.done()
    wanted = of_small + len(small) * EACH
    wait_until(lambda: site.value(_SMALL_DONE, site.tenant.id) >= wanted, "the small tenants' are done", 120)
    return time.monotonic() - started, site.done() - in_all - len(small) * EACH


@contextmanager
def _transaction_held_open(site: Site) -> Iterator[None]:
    """Keep the rows that die from now on from being cleaned away, as a long report or export would, for some seconds."""
    with site.connect() as connection:
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        connection.commit()
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM webhooks_engine")
        time.sleep(3 if site.is_quick else 10)
        yield
        connection.rollback()
