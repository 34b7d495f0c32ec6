"""One endpoint hangs for 30 seconds: what the others notice of it, at 200 deliveries a second."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.benchmarks.dataset import Loader, make_webhooks
from tests.benchmarks.first_attempt_delay import delays
from tests.benchmarks.report import Bar
from tests.benchmarks.steady_load import offer
from webhooks.models import Webhook

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "One endpoint hangs for 30 s, 50 others get 200 deliveries/s"
WAITING_FOR_IT = 200


def _measure(site: Site, hanging: Webhook | None) -> tuple[int, float, float]:
    site.empty()
    with site.worker():
        site.load(1_000)
        site.seconds_until_done(1_000, since=time.monotonic())
        site.empty()
        if hanging is not None:
            with site.connect() as connection:
                Loader().load(connection, site.tenant.id, [hanging.id], deliveries=WAITING_FOR_IT)
        seconds = 5 if site.is_quick else 35  # longer than the hang, so that its places are taken a second time
        offer(events_per_second=200, seconds=seconds, fan_out=1, tenant_id=site.tenant.id, target_ids=site.target_ids)
        count = site.value("SELECT count(*) FROM webhooks_delivery WHERE target_id = ANY(%s)", site.target_ids)
        site.seconds_until_done(count, since=time.monotonic())
        return delays(site, site.target_ids)


def run(site: Site) -> None:
    hanging = make_webhooks(site.tenant, f"{site.receiver}/hang", 1)[0]
    try:
        count, calm_middle, calm = _measure(site, None)
        _, middle, high = _measure(site, hanging)
    finally:
        hanging.delete()
    note = f"{count:,} deliveries"
    site.report.add(SECTION, "without it: p50", calm_middle, "ms")
    site.report.add(SECTION, "without it: p99", calm, "ms", note=note)
    site.report.add(SECTION, f"with it ({WAITING_FOR_IT} deliveries waiting for it): p50", middle, "ms")
    bars = [(Bar(100, at_most=True), high, "ms"), (Bar(2, at_most=True), high / calm, "× without")]
    site.report.add(SECTION, "with it: p99", high, "ms", bars=bars, note=note)
    site.empty()
