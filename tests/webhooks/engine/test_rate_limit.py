"""Rate limits: deliveries wait, nothing is dropped, and all engines take from the same bucket."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from integrations.ids import uuid7
from integrations.models import Tenant
from tests.engine_process import drain, running_engine
from tests.receiver import Receiver
from tests.webhooks.engine.conftest import MakeWebhook
from tests.webhooks.engine.queue_rows import enqueue
from webhooks.engine.claim import Claimer
from webhooks.engine.webhook_targets import Targets
from webhooks.models import Due, TenantRuntime, Webhook, WebhookRuntime


def claim(held: dict[UUID, int] | None = None, engines: int = 1) -> int:
    """Claim for an engine of its own; what it took counts as sent at once."""
    claimed = Claimer(uuid7()).claim(rows=256, engines=engines, held=held or {})
    Due.objects.filter(delivery_id__in=[row.delivery_id for row in claimed]).delete()
    return len(claimed)


def passed(seconds: float) -> None:
    """Let so many seconds pass for the buckets."""
    for bucket in (*WebhookRuntime.objects.all(), *TenantRuntime.objects.all()):
        bucket.rate_refilled_at -= timedelta(seconds=seconds)
        bucket.save(update_fields=["rate_refilled_at"])


def limited(make_webhook: MakeWebhook, per_minute: int, *, waiting: int = 500, **fields: Any) -> Webhook:
    """Make a webhook with an empty bucket and much to send."""
    webhook = make_webhook("limited", rate_limit_per_minute=per_minute, **fields)
    enqueue(webhook.tenant_id, webhook.id, count=waiting)
    Targets().look_up([webhook.id])
    return webhook


@pytest.mark.parametrize(
    ("per_minute", "seconds", "expected"),
    [
        (600, 0.0, 0),
        (600, 0.55, 5),
        (600, 60.0, 20),  # the bucket holds two seconds' worth
        (30, 1.0, 0),
        (30, 2.01, 1),
        (1, 59.0, 0),
        (1, 61.0, 1),
        (1, 600.0, 1),
    ],
)
def test_claim_takes_what_is_in_the_bucket(
    make_webhook: MakeWebhook, per_minute: int, seconds: float, expected: int
) -> None:
    limited(make_webhook, per_minute, max_concurrency=64)
    passed(seconds)
    assert claim() == expected


def test_over_a_minute_no_more_is_taken_than_the_limit_and_nothing_is_lost(make_webhook: MakeWebhook) -> None:
    limited(make_webhook, 120, waiting=200)
    started, taken = time.monotonic(), 0
    for _ in range(240):
        passed(0.25)
        taken += claim()
    assert 119 <= taken <= 121 + 2 * (time.monotonic() - started)
    assert Due.objects.count() == 200 - taken


def test_a_webhook_that_was_never_sent_to_begins_with_a_full_bucket_once(make_webhook: MakeWebhook) -> None:
    webhook = make_webhook("new", rate_limit_per_minute=300)
    enqueue(webhook.tenant_id, webhook.id, count=100)
    assert claim() == 10
    Targets().look_up([webhook.id])  # follows every claim
    assert claim() == 0


def test_no_more_is_held_than_is_soon_sent(make_webhook: MakeWebhook) -> None:
    webhook = limited(make_webhook, 180, max_concurrency=2)
    passed(60)
    assert claim({webhook.id: 2}) == 1  # a second's worth is 3
    passed(60)
    assert claim({webhook.id: 3}) == 0


def test_a_slow_limit_is_kept_and_not_starved_by_more_engines_than_places(make_webhook: MakeWebhook) -> None:
    limited(make_webhook, 20, max_concurrency=1)
    passed(60)
    assert claim(engines=3) == 1


def test_webhooks_without_limit_write_no_bucket(make_webhook: MakeWebhook) -> None:
    webhook = make_webhook("free")
    enqueue(webhook.tenant_id, webhook.id, count=50)
    Targets().look_up([webhook.id])
    before = WebhookRuntime.objects.values().get()
    assert claim() == 50
    assert WebhookRuntime.objects.values().get() == before
    assert not TenantRuntime.objects.exists()


def test_claims_side_by_side_pay_for_all_that_they_took(make_webhook: MakeWebhook) -> None:
    """Two may take the same tokens at the same moment: then the bucket is in debt, and the next ones wait."""
    names = ["one", "two", "three", "four"]
    webhooks = [make_webhook(name, rate_limit_per_minute=6000, max_concurrency=256) for name in names]
    for webhook in webhooks:
        enqueue(webhook.tenant_id, webhook.id, count=400)
    Targets().look_up([webhook.id for webhook in webhooks])
    started = timezone.now()
    passed(1.0)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(10):
                claim()
        except BaseException as error:  # noqa: BLE001  (shown below)
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    for webhook in webhooks:
        bucket = WebhookRuntime.objects.get(webhook_id=webhook.id)
        taken = 400 - Due.objects.filter(target_id=webhook.id).count()
        assert bucket.rate_refilled_at is not None
        filled = 100 + 100 * (bucket.rate_refilled_at - started).total_seconds()
        assert 100 <= taken <= 400
        assert bucket.rate_tokens == pytest.approx(filled - taken, abs=2.0)


# --- Tenants --------------------------------------------------------------------------------------------------------


def test_a_tenants_webhooks_share_its_limit(make_webhook: MakeWebhook, other_tenant: Tenant, settings: Any) -> None:
    settings.TENANT_DELIVERIES_PER_MINUTE = 300
    for name in ("one", "two"):
        webhook = make_webhook(name)
        enqueue(webhook.tenant_id, webhook.id, count=100)
    enqueue(other_tenant.id, uuid7(), count=3)

    assert claim() == 10 + 3
    assert claim() == 0
    passed(1.0)
    assert claim() == 5
    assert Due.objects.count() == 200 - 15


def test_a_tenants_limit_and_a_webhooks_limit_both_count(make_webhook: MakeWebhook, settings: Any) -> None:
    settings.TENANT_DELIVERIES_PER_MINUTE = 300
    limited(make_webhook, 60)
    passed(1.1)
    assert claim() == 1
    passed(60.0)
    assert claim() == 2


# --- Through the engine ---------------------------------------------------------------------------------------------


def test_the_receiver_sees_the_limit_with_two_engines(make_webhook: MakeWebhook, receiver: Receiver) -> None:
    limited(make_webhook, 600, waiting=25)  # ten a second
    with running_engine(), running_engine():
        drain()

    times = [request.at for request in receiver.wait_for(25)]
    assert len(times) == 25
    assert times[-1] - times[0] > 1.8
    assert max(sum(at - 1.0 < other <= at for other in times) for at in times) <= 14
