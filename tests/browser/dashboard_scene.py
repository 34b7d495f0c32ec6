"""A month of calls of two tenants, the same at every run, and what dashboards must say about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from django.db import connection, transaction

from analytics.recording import CallRecord, upsert_rollups
from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.services.integrations import create_integration
from integrations.services.tenants import create_tenant
from tests.analytics.calls import call, record
from webhooks.models import Webhook, WebhookStats
from webhooks.services.webhooks import create_webhook

ACTOR = Actor.system("test")
# A day less than the longest range: whatever the time of day, all of it counts there.
DAYS = 29
# Calls in a busy hour, the share that fails, and how: (status, error kind, message); and the usual time in ms.
WEBHOOKS: dict[str, tuple[int, float, list[tuple[int | None, str, str]], int]] = {
    "order_created": (38, 0.012, [(503, "status", "The endpoint answered 503 Service Unavailable.")], 140),
    "invoice_paid": (16, 0.11, [(None, "timeout", "No complete answer in 30 s.")], 420),
    "contact_form": (9, 0.004, [(429, "status", "The endpoint answered 429 Too Many Requests.")], 90),
    "stock_level": (
        12,
        0.27,
        [
            (500, "status", "The endpoint answered 500 Internal Server Error."),
            (None, "connect", "The connection to erp.example.com was refused."),
        ],
        260,
    ),
    "newsletter_signup": (4, 0.0, [], 70),
}


def seed() -> dict[str, Any]:
    """Make the tenants and their calls; return the ids, and of each webhook how many calls were made and failed."""
    northwind = create_tenant(actor=ACTOR, name="Northwind", slug="northwind")
    fabrikam = create_tenant(actor=ACTOR, name="Fabrikam", slug="fabrikam")
    quiet = create_tenant(actor=ACTOR, name="Quiet", slug="quiet")
    values = {"base_url": "http://127.0.0.1:9/webhook", "api_key": "n8n_api_key_that_opens_nothing"}
    for tenant in (northwind, fabrikam):
        create_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=values)
    mine = [_webhook(northwind, name) for name in WEBHOOKS]
    other = _webhook(fabrikam, "ticket_closed")
    month = [*_month(northwind, mine), *_month(fabrikam, [other])]
    with transaction.atomic(), connection.cursor() as wrapper:
        upsert_rollups(wrapper.cursor, month)
    recent = _last_minutes(northwind, mine)
    record(recent)
    rows = [*month, *recent]
    for webhook in [*mine, other]:
        last = max(each.timestamp for each in rows if each.target_id == webhook.pk)
        WebhookStats.objects.update_or_create(
            webhook=webhook, defaults={"tenant": webhook.tenant, "last_called_at": last}
        )
    return {
        "tenants": {tenant.slug: str(tenant.pk) for tenant in (northwind, fabrikam, quiet)},
        "webhooks": {webhook.workflow_name: str(webhook.pk) for webhook in [*mine, other]},
        "calls": Counter(each.workflow_name for each in rows),
        "failed": Counter(each.workflow_name for each in rows if not each.success),
    }


def _webhook(tenant: Tenant, name: str) -> Webhook:
    return create_webhook(
        actor=ACTOR,
        tenant=tenant,
        workflow_name=name,
        url=f"http://127.0.0.1:9/{name}",
        is_active=name != "newsletter_signup",
        retry_schedule="quick",
        max_retries=0,
    )


def _month(tenant: Tenant, webhooks: list[Webhook]) -> Iterator[CallRecord]:
    """Make the calls up to an hour ago, busy in the day and quiet at night and on Sundays."""
    random = Random(5)
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for hours in range(DAYS * 24, 1, -1):
        hour = now - timedelta(hours=hours)
        activity = (0.08 if hour.hour < 6 else 0.35 if hour.hour < 8 or hour.hour > 19 else 1.0) * (
            0.25 if hour.weekday() == 6 else 0.6 if hour.weekday() == 5 else 1.0
        )
        for webhook in webhooks:
            yield from _calls(random, tenant, webhook, hour, activity, timedelta(hours=1))


def _last_minutes(tenant: Tenant, webhooks: list[Webhook]) -> list[CallRecord]:
    random = Random(7)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    rows = [
        each
        for minutes in range(58, 1, -1)
        for webhook in webhooks
        for each in _calls(random, tenant, webhook, now - timedelta(minutes=minutes), 1 / 60, timedelta(minutes=1))
    ]
    return sorted(rows, key=lambda each: each.timestamp)


def _calls(
    random: Random, tenant: Tenant, webhook: Webhook, start: datetime, activity: float, span: timedelta
) -> Iterator[CallRecord]:
    busy, failing, failures, usual_ms = WEBHOOKS.get(webhook.workflow_name, (7, 0.02, [(404, "status", "")], 180))
    for _ in range(int(busy * activity * random.uniform(0.6, 1.3) + random.random())):
        failed = random.random() < failing and bool(failures)
        status, kind, message = random.choice(failures) if failed else (200, "", "")
        yield call(
            tenant_id=tenant.pk,
            target_id=webhook.pk,
            workflow_name=webhook.workflow_name,
            timestamp=start + span * random.random(),
            success=not failed,
            status_code=status,
            error_kind=kind,
            error_message=message,
            response_time_ms=30_000 if kind == "timeout" else int(usual_ms * random.lognormvariate(0, 0.5)),
        )
