"""A webhook with a long backlog is disabled, enabled and deleted: how long its person waits, and how long it takes in all."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.benchmarks.dataset import ACTOR, make_webhooks
from tests.benchmarks.report import Bar
from webhooks.services.holding import move_backlogs
from webhooks.services.webhooks import delete_webhook, update_webhook

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "Disabling, enabling and deleting a webhook with a long backlog"
BAR_MILLISECONDS = 500


def run(site: Site) -> None:
    waiting = 20_000 if site.is_quick else 100_000
    site.empty()
    [webhook] = make_webhooks(site.tenant, site.receiver, 1)
    kept, site.target_ids = site.target_ids, [webhook.id]
    site.load(waiting, webhooks=1)
    site.target_ids = kept

    def switch(is_active: bool) -> Callable[[], object]:
        return lambda: update_webhook(
            actor=ACTOR, tenant=site.tenant, webhook_id=webhook.id, changes={"is_active": is_active}
        )

    _measure(site, f"disabled with {waiting:,} deliveries waiting", switch(False))
    assert site.value("SELECT count(*) FROM webhooks_due") == 0
    _measure(site, f"enabled with {waiting:,} deliveries held", switch(True))
    assert site.value("SELECT count(*) FROM webhooks_due") == waiting
    switch(False)()
    _measure(
        site,
        f"deleted with {waiting:,} deliveries on their way out of the queue",
        lambda: delete_webhook(actor=ACTOR, tenant=site.tenant, webhook_id=webhook.id),
    )
    assert site.value("SELECT count(*) FROM webhooks_delivery WHERE state <> 'cancelled'") == 0
    site.empty()


def _measure(site: Site, what: str, change: Callable[[], object]) -> None:
    started = time.perf_counter()
    change()
    answered = (time.perf_counter() - started) * 1000
    while move_backlogs():  # what the task does
        pass
    in_all = time.perf_counter() - started
    bars = [(Bar(BAR_MILLISECONDS, at_most=True), answered, "ms")]
    site.report.add(
        SECTION, f"{what}: answered after", answered, "ms", bars=bars, note=f"all moved after {in_all:.1f} s"
    )
