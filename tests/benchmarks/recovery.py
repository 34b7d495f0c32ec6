"""A recovery of very many failed deliveries of one webhook, beside a steady flow of fresh ones to it and to others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from tests.benchmarks.dataset import ACTOR, make_webhooks
from tests.benchmarks.report import Bar, ratio
from tests.benchmarks.steady_load import offer
from tests.running_site import wait_until
from webhooks.services.recovering import start_recovery

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "Fresh deliveries beside a recovery, one worker process"
PER_SECOND_TO_OTHERS = 200
PER_SECOND_TO_THE_SAME = 20
LIMIT_SECONDS = 900.0
_DELAYS = """
    SELECT count(*), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM call.timestamp - delivery.created_at)::float8 * 1000)
    FROM webhooks_delivery AS delivery JOIN analytics_webhookcall AS call ON call.delivery_id = delivery.id
    WHERE call.attempt = 1 AND delivery.run = 1 AND delivery.target_id = ANY(%s) AND delivery.created_at BETWEEN %s AND %s
"""
_STANDING = "SELECT state, created_at, finished_at, retried FROM webhooks_recovery WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds from being accepted until the first request begins."""

    count: int
    p50: float
    p99: float


def run(site: Site) -> None:
    failed = 5_000 if site.is_quick else 100_000
    site.empty()
    [webhook] = make_webhooks(site.tenant, site.receiver, 1)
    _load_failed(site, webhook.id, failed)
    seconds = 5 if site.is_quick else 20
    with site.worker(), _beat(site):
        with _flows(site, webhook.id, seconds):
            since = datetime.now(UTC)
            time.sleep(seconds)
            until = datetime.now(UTC)
        _until_nothing_waits(site)
        alone = [_delays(site, targets, since, until) for targets in (site.target_ids, [webhook.id])]
        with _flows(site, webhook.id, seconds):
            since = datetime.now(UTC) - timedelta(hours=1)
            recovery = start_recovery(actor=ACTOR, tenant=site.tenant, webhook_id=webhook.id, since=since)
            wait_until(lambda: _standing(site, recovery.id)[0] == "done", "the recovery is done", LIMIT_SECONDS)
        _until_nothing_waits(site)
    _, began, ended, retried = _standing(site, recovery.id)
    assert retried == failed, f"{retried} of {failed} were sent again"
    beside = [_delays(site, targets, began, ended) for targets in (site.target_ids, [webhook.id])]
    took = (site.value("SELECT max(finished_at) FROM webhooks_delivery WHERE run = 2") - began).total_seconds()
    _add(site, f"to {len(site.target_ids)} other webhooks, {PER_SECOND_TO_OTHERS}/s", alone[0], beside[0], 100, 2)
    _add(site, f"to the same webhook, {PER_SECOND_TO_THE_SAME}/s", alone[1], beside[1], 2_000)
    site.report.add(SECTION, f"the recovery of {failed:,}", took, "s", note=f"{failed / took:,.0f} deliveries/s")
    site.empty()


def _add(site: Site, whom: str, alone: Delays, beside: Delays, most: float, times: float | None = None) -> None:
    for name, without, with_it in (("p50", alone.p50, beside.p50), ("p99", alone.p99, beside.p99)):
        bars = []
        if name == "p99":
            bars = [(Bar(most, at_most=True), with_it, "ms")]
            bars += [(Bar(times, at_most=True), with_it / without, "× without")] if times else []
        note = f"{ratio(with_it / without)} times as long; {beside.count:,} measured"
        site.report.add(SECTION, f"{whom}: {name} without a recovery", without, "ms")
        site.report.add(SECTION, f"{whom}: {name} beside it", with_it, "ms", bars=bars, note=note)


def _load_failed(site: Site, webhook_id: UUID, count: int) -> None:
    kept, site.target_ids = site.target_ids, [webhook_id]
    site.load(count, webhooks=1, is_due=False)
    site.target_ids = kept
    with site.connect() as connection:
        connection.execute("UPDATE webhooks_delivery SET state = 'failed', attempts = 1, finished_at = now()")
    with site.connect() as connection:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE webhooks_delivery")


@contextmanager
def _beat(site: Site) -> Iterator[None]:
    site.processes.start_beat()
    try:
        yield
    finally:
        site.processes.stop("beat")


@contextmanager
def _flows(site: Site, webhook_id: UUID, seconds: float) -> Iterator[None]:
    """Offer fresh deliveries, to the others and to this webhook, again and again for `seconds` until the block ends."""
    ending = threading.Event()

    def flow(per_second: int, target_ids: Sequence[UUID]) -> Callable[[], None]:
        def offer_until_the_end() -> None:
            while not ending.is_set():
                load = {"events_per_second": per_second, "seconds": seconds, "fan_out": 1}
                offer(**load, tenant_id=site.tenant.id, target_ids=target_ids)

        return offer_until_the_end

    with ThreadPoolExecutor() as pool:
        flows: list[Future[None]] = [
            pool.submit(flow(PER_SECOND_TO_OTHERS, site.target_ids)),
            pool.submit(flow(PER_SECOND_TO_THE_SAME, [webhook_id])),
        ]
        before = site.value("SELECT count(*) FROM webhooks_delivery")
        wait_until(lambda: site.value("SELECT count(*) FROM webhooks_delivery") > before, "fresh ones come", 60)
        try:
            yield
        finally:
            ending.set()
    for one in flows:
        one.result()


def _until_nothing_waits(site: Site) -> None:
    wait_until(lambda: site.value("SELECT count(*) FROM webhooks_due") == 0, "nothing waits", LIMIT_SECONDS)


def _delays(site: Site, target_ids: Sequence[UUID], since: datetime, until: datetime) -> Delays:
    count, (middle, high) = site.query(_DELAYS, list(target_ids), since, until)[0]
    return Delays(count, middle, high)


def _standing(site: Site, recovery_id: UUID) -> tuple[str, datetime, datetime, int]:
    state, began, ended, retried = site.query(_STANDING, recovery_id)[0]
    return state, began, ended, retried
