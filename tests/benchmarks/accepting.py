"""Events accepted over HTTP by one web process: one a request, and in batches. No worker runs: nothing is sent."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.benchmarks.bare_loop import BODY
from tests.benchmarks.dataset import TYPE, make_key
from tests.benchmarks.http_load import Asked, load
from tests.benchmarks.report import Bar
from webhooks.models import Webhook

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "Events accepted over HTTP, per web process (1 KiB, one delivery each)"
BATCH = 100
BIG_BATCH = 1_000


def run(site: Site) -> None:
    # One webhook hears of the events; the others are called by name only.
    Webhook.objects.filter(id=site.target_ids[0]).update(event_types=[TYPE])
    event = {"type": TYPE, "payload": json.loads(BODY)}
    key = make_key(site.tenant)
    with site.web() as url:
        one = Asked(url=f"{url}/api/v1/events", token=key, body=json.dumps(event))
        _measure(site, "one a request, with an API key", one, events=1, bar=500)
        platform = str(site.processes.session().headers["Authorization"])
        theirs = replace(one, url=f"{url}/api/platform/tenants/{site.tenant.id}/events", token=platform)
        _measure(site, "one a request, of a platform admin", theirs, events=1)
        for size in (BATCH, BIG_BATCH):
            batch = replace(one, url=f"{one.url}/batch", body=json.dumps({"events": [event] * size}), connections=4)
            _measure(site, f"{size:,} a request", batch, events=size, bar=5_000)
    Webhook.objects.filter(id=site.target_ids[0]).update(event_types=[])
    site.empty()


def _measure(site: Site, what: str, asked: Asked, *, events: int, bar: int | None = None) -> None:
    load(replace(asked, seconds=0.5))
    site.empty()
    found = load(replace(asked, seconds=3 if site.is_quick else 8))
    stored = int(site.value("SELECT count(*) FROM webhooks_due"))
    assert stored >= found.answered * events, f"{stored} deliveries of {found.answered} answers"
    rate = found.per_second * events
    note = f"{asked.connections} connections, p50 {found.middle_ms:.0f} ms, p99 {found.high_ms:.0f} ms an answer"
    bars = [(Bar(bar), rate, "/s")] if bar else []
    site.report.add(SECTION, what, rate, "events/s", bars=bars, note=note)
