"""How a webhook stands at this moment, at a glance. Every count is bounded: a backlog of millions must not be counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from integrations.admin.badges import Tone, badge
from integrations.ids import uuid7_floor
from webhooks.admin.deliveries import state_badge
from webhooks.breaker import BreakerState, Health
from webhooks.engine.token_bucket import capacity, tokens
from webhooks.models import Delivery, DeliveryState, Due, TargetKind, Webhook
from webhooks.queries import health_of
from webhooks.services.holding import HELD_FOR

COUNTED: Final = 10_000
LATEST: Final = 100
# Held deliveries are in no index; a webhook that holds some is disabled, so that they are among its latest.
_READ_FOR_HELD: Final = 50_000
_CLOCK_SLACK: Final = timedelta(minutes=5)

_BUCKET: Final = f"""
    SELECT {tokens("bucket", "%(limit)s::float8")}, {capacity("%(limit)s::float8")}
    FROM (SELECT 1) AS always LEFT JOIN webhooks_webhookruntime AS bucket ON bucket.webhook_id = %(webhook)s
"""  # noqa: S608  (pieces of SQL of our own)
_HELD: Final = """
    SELECT count(*) FROM (
        SELECT state FROM webhooks_delivery
        WHERE target_id = %s AND target_kind = %s AND id >= %s ORDER BY id DESC LIMIT %s
    ) AS latest WHERE state = 'held'
"""


@dataclass(frozen=True, slots=True)
class Count:
    """A number that is exact up to a bound."""

    found: int
    bound: int = COUNTED

    def __str__(self) -> str:
        return f"{self.bound:,}+" if self.found > self.bound else f"{self.found:,}"

    def __bool__(self) -> bool:
        return self.found > 0


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate limit: how many a minute, and how many of a burst may go at once now."""

    per_minute: int
    left: int
    burst: int


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not ended: due now, due later (retries), held by a disabled webhook, taken by an engine."""

    due: Count
    later: Count
    held: Count
    leased: int
    oldest_due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Latest:
    """What became of the webhook's latest deliveries: a number for each state that occurs, with its list."""

    succeeded: int
    ended: int
    states: list[tuple[SafeString, int, str]]

    @property
    def rate(self) -> SafeString | None:
        """The share of those that have ended which succeeded, as a badge."""
        if not self.ended:
            return None
        share = 100 * self.succeeded / self.ended
        tone: Tone = "good" if share >= 99 else "warning" if share >= 90 else "bad"
        return badge(f"{share:.1f} % succeeded", tone)


@dataclass(frozen=True, slots=True)
class Glance:
    """All of it, as the page shows it."""

    breaker: SafeString
    is_open: bool
    health: Health
    places: int
    places_in_use: int
    bucket: Bucket | None
    backlog: Backlog
    latest: Latest

    @property
    def has_failures(self) -> bool:
        """Whether there is anything for a reset to forget."""
        return self.health != Health()


def glance_at(webhook: Webhook) -> Glance:
    """Read it: a few short queries, each along an index."""
    health, backlog = health_of(webhook), backlog_of(webhook)
    state = health.state(timezone.now())
    places = 1 if state is BreakerState.HALF_OPEN else webhook.max_concurrency
    return Glance(
        breaker=_breaker_badge(state),
        is_open=state is BreakerState.OPEN,
        health=health,
        places=places,
        places_in_use=min(backlog.leased, places),  # an engine takes the next ones while all places are in use
        bucket=_bucket(webhook),
        backlog=backlog,
        latest=_latest(webhook),
    )


def backlog_of(webhook: Webhook) -> Backlog:
    """Count what of a webhook has not ended, each number up to 10,000."""
    now = timezone.now()
    queued = Due.objects.filter(tenant_id=webhook.tenant_id, target_id=webhook.id, target_kind=TargetKind.WEBHOOK)
    waiting = queued.filter(lease_by=None)
    due = waiting.filter(due_at__lte=now)
    return Backlog(
        due=_bounded(due),
        later=_bounded(waiting.filter(due_at__gt=now)),
        held=_held(webhook),
        leased=queued.filter(lease_by__isnull=False).count(),  # an engine takes a few times the places at most
        oldest_due_at=due.order_by("due_at").values_list("due_at", flat=True).first(),
    )


def deliveries_address(webhook: Webhook, **wanted: Any) -> str:
    """Return the list of this webhook's deliveries; with anything else wanted, those of the last seven days."""
    query = urlencode({"target_id": webhook.id, **wanted, **({"when": "7d"} if wanted else {})})
    return f"{reverse('admin:webhooks_delivery_changelist')}?{query}"


def _bounded(rows: QuerySet[Due]) -> Count:
    return Count(rows.order_by().values("pk")[: COUNTED + 1].count())


def _held(webhook: Webhook) -> Count:
    if webhook.is_active:
        return Count(0)
    since = uuid7_floor(timezone.now() - HELD_FOR - _CLOCK_SLACK)
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [webhook.id, TargetKind.WEBHOOK, since, _READ_FOR_HELD])
        return Count(cursor.fetchone()[0])


def _bucket(webhook: Webhook) -> Bucket | None:
    limit = webhook.rate_limit_per_minute
    if limit is None:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_BUCKET, {"limit": limit, "webhook": webhook.id})
        left, burst = cursor.fetchone()
    return Bucket(limit, max(int(left), 0), int(burst))


def _latest(webhook: Webhook) -> Latest:
    rows = Delivery.objects.filter(target_id=webhook.id, target_kind=TargetKind.WEBHOOK).order_by("-id")
    states = list(rows.values_list("state", flat=True)[:LATEST])
    return Latest(
        succeeded=states.count(DeliveryState.SUCCEEDED),
        ended=states.count(DeliveryState.SUCCEEDED) + states.count(DeliveryState.FAILED),
        states=list(_by_state(webhook, states)),
    )


def _by_state(webhook: Webhook, states: list[str]) -> Iterator[tuple[SafeString, int, str]]:
    for state in DeliveryState:
        if number := states.count(state):
            yield state_badge(state), number, deliveries_address(webhook, state__exact=state.value)


def _breaker_badge(state: BreakerState) -> SafeString:
    match state:
        case BreakerState.OPEN:
            return badge("open", "bad")
        case BreakerState.HALF_OPEN:
            return badge("half open", "warning")
    return badge("closed", "good")
