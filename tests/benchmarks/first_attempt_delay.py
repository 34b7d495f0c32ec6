"""How long a delivery waits, from being accepted until its first request begins, under a steady load."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from tests.benchmarks.steady_load import offer

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "First-attempt delay, one worker process"
RATES = (50, 200, 500, 1_000)
_DELAYS = """
    SELECT count(*), percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (
        ORDER BY extract(epoch FROM call.timestamp - delivery.created_at)::float8 * 1000)
    FROM webhooks_delivery AS delivery JOIN analytics_webhookcall AS call ON call.delivery_id = delivery.id
    WHERE call.attempt = 1 AND delivery.target_id = ANY(%s)
"""


def delays(site: Site, target_ids: Sequence[UUID]) -> tuple[int, float, float]:
    """Return how many first attempts there were, and the median and the 99th percentile of their delay in ms."""
    count, (middle, high) = site.query(_DELAYS, list(target_ids))[0]
    return count, middle, high


def run(site: Site) -> None:
    target_ids = site.target_ids
    with site.worker():
        site.load(1_000)
        site.seconds_until_done(1_000, since=time.monotonic())
        for fan_out in (1, 10):
            for rate in RATES:
                site.empty()
                # What is more than can be sent only piles up: for a shorter time, so that it is done soon.
                seconds = 3 if site.is_quick else max(3, min(8, 20_000 // (rate * fan_out)))
                load = {"events_per_second": rate, "seconds": seconds, "fan_out": fan_out}
                stored = offer(**load, tenant_id=site.tenant.id, target_ids=target_ids)
                offered = site.value("SELECT count(*) FROM webhooks_delivery")
                behind = offered - site.done()
                site.seconds_until_done(offered, since=time.monotonic())
                _, middle, high = delays(site, target_ids)
                what = f"{rate:,} events/s, fan-out {fan_out}: "
                note = (
                    f"{stored:,.0f} events/s stored, {behind:,} of {offered:,} deliveries not done when the load ended"
                )
                site.report.add(SECTION, what + "p50", middle, "ms")
                site.report.add(SECTION, what + "p99", high, "ms", note=note)
    site.empty()
