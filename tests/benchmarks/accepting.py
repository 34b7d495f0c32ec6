"""Events accepted over HTTP by one web process: one a request, and in batches. No worker runs: nothing is sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import requests

from tests.benchmarks.bare_loop import BODY
from tests.benchmarks.dataset import TYPE
from tests.benchmarks.http_load import load
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
    with site.web() as url:
        session = site.processes.session()
        base = f"{url}/api/platform/tenants/{site.tenant.id}"
        event = {"type": TYPE, "payload": json.loads(BODY)}
        _measure(site, session, f"{base}/events", event, events=1, connections=16, bar=500)
        for size in (BATCH, BIG_BATCH):
            batch = {"events": [event] * size}
            _measure(site, session, f"{base}/events/batch", batch, events=size, connections=4, bar=5_000)
    Webhook.objects.filter(id=site.target_ids[0]).update(event_types=[])
    site.empty()


def _measure(
    site: Site, session: requests.Session, url: str, body: dict[str, object], *, events: int, connections: int, bar: int
) -> None:
    what = "one a request" if events == 1 else f"{events:,} a request"
    first = session.post(url, json=body, timeout=30)
    if first.status_code == 404:
        site.report.remarks.append(f"Events, {what}: not measured, there is no such route.")
        return
    assert first.status_code in {200, 202, 207}, first.text
    site.empty()
    found = load(
        url, token=str(session.headers["Authorization"]), body=json.dumps(body), connections=connections,
        seconds=3 if site.is_quick else 8,
    )  # fmt: skip
    stored = int(site.value("SELECT count(*) FROM webhooks_due"))
    assert stored >= found.answered * events, f"{stored} deliveries of {found.answered} answers"
    rate = found.answered * events / found.seconds
    note = f"{connections} connections, p50 {found.middle_ms:.0f} ms, p99 {found.high_ms:.0f} ms an answer"
    site.report.add(SECTION, what, rate, "events/s", bars=[(Bar(bar), rate, "/s")], note=note)
