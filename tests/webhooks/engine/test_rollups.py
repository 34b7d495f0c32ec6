"""Sums and calls agree whatever happens to the recording of outcomes; a rebuild brings damaged sums back."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from analytics.models import HourlyRollup, MinuteRollup, WebhookCall
from analytics.rebuilding import earliest_hour, rebuild_rollups
from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.sums import MODELS, stored_sums, sums_of_rows
from tests.webhooks.engine.queue_rows import leased
from tests.webhooks.engine.test_record import FAILED, SUCCEEDED, attempted
from webhooks.engine import record
from webhooks.engine.record import record_outcomes
from webhooks.engine.senders import Attempted
from webhooks.engine.webhook_targets import Targets
from webhooks.models import Webhook
from webhooks.policy import Decision, Next
from webhooks.services.webhooks import create_webhook

RETRIED = Decision(Next.RETRYING, delay=5.0)
ENGINES = [uuid7() for _ in range(3)]


class CrashError(OperationalError):
    """The connection is lost, before or after the commit."""


@pytest.fixture
def crashes(monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Recording crashes in one batch of three: before anything, between sums and states' end, or once committed."""
    luck = random.Random(6)
    whole, add_stats = record._record, record._add_stats

    def record_or_crash(*arguments: Any) -> Any:
        if luck.random() < 0.1:
            raise CrashError("before it began")
        done = whole(*arguments)
        if luck.random() < 0.1:
            raise CrashError("while its commit was answered")
        return done

    def add_stats_or_crash(*arguments: Any) -> Any:
        if luck.random() < 0.1:
            raise CrashError("after the sums were written")
        return add_stats(*arguments)

    monkeypatch.setattr(record, "_record", record_or_crash)
    monkeypatch.setattr(record, "_add_stats", add_stats_or_crash)
    return luck


def random_outcome(webhook: Webhook, engine_id: Any, luck: random.Random) -> Attempted:
    kind = luck.choice(["", "status", "timeout", "tls", "refused"])
    # What PostgreSQL refuses, now and then: the batch is split until the row stands alone.
    body = luck.choice(["fine", "fine", "fine", "a\x00b"])
    lost = luck.random() < 0.1
    claimed = leased(webhook, uuid7() if lost else engine_id)
    return attempted(
        claimed,
        luck.choice([SUCCEEDED, SUCCEEDED, RETRIED]) if not kind else luck.choice([FAILED, RETRIED]),
        **{"error_kind": kind, "success": not kind, "response_body": body, "response_time_ms": luck.randrange(61_000)},
        status_code={"": 200, "status": 503}.get(kind),
        timestamp=timezone.now() - timedelta(seconds=luck.randrange(100)),
    )


def record_until_it_is_there(engine_id: Any, outcomes: list[Attempted]) -> None:
    again = False
    while True:
        with suppress(CrashError):
            record_outcomes(engine_id, outcomes, again=again)
            return
        again = True


def in_threads(*works: Callable[[], Any]) -> None:
    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        for future in [threads.submit(run, work) for work in works]:
            future.result()


@pytest.mark.django_db(transaction=True)
def test_sums_agree_with_calls_after_crashes_and_are_the_same_once_rebuilt(
    tenant: Tenant, other_tenant: Tenant, admin_actor: Actor, crashes: random.Random
) -> None:
    webhooks = [
        create_webhook(actor=admin_actor, tenant=whose, workflow_name=name, url="https://example.com/")
        for whose in (tenant, other_tenant)
        for name in ("one", "two")
    ]
    Targets().look_up([webhook.id for webhook in webhooks])
    batches = {
        engine: [
            [random_outcome(crashes.choice(webhooks), engine, crashes) for _ in range(crashes.randrange(1, 8))]
            for _ in range(10)
        ]
        for engine in ENGINES
    }

    def record_all(engine: Any) -> None:
        for batch in batches[engine]:
            record_until_it_is_there(engine, batch)

    in_threads(*(lambda engine=engine: record_all(engine) for engine in ENGINES))

    made = [outcome.call.id for batch in batches.values() for outcomes in batch for outcome in outcomes]
    assert sorted(WebhookCall.objects.values_list("id", flat=True)) == sorted(made)
    right = [stored_sums(model) for model in MODELS]
    assert right == [sums_of_rows(model) for model in MODELS]

    first = earliest_hour()
    HourlyRollup.objects.filter(hour__gte=first).update(attempts=1, failed=0, not_sent=9)
    MinuteRollup.objects.filter(minute__gte=first, tenant_id=tenant.id).delete()
    rebuild_rollups()
    assert [stored_sums(model) for model in MODELS] == right
