"""How the queue is: what waits, and how long what nothing but the engines holds up has been waiting.

For the platform, as the owner role. Each figure costs the same however many deliveries wait: counts stop at a bound, and
waiting times are looked up along an index, once for each target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from webhooks.engine.limits import SILENT_AFTER_SECONDS
from webhooks.engine.token_bucket import tokens

# Beyond it PostgreSQL's own estimate of the table's rows is told.
MOST_COUNTED: Final = 50_000
MOST_TARGETS: Final = 5_000

_COUNT: Final = """
    SELECT CASE WHEN counted < %(most)s THEN counted ELSE greatest(counted, (
        SELECT reltuples::bigint FROM pg_class WHERE oid = 'webhooks_due'::regclass
    )) END, (SELECT count(*) FROM webhooks_due WHERE lease_by IS NOT NULL)
    FROM (SELECT count(*) AS counted FROM (SELECT FROM webhooks_due LIMIT %(most)s) AS rows) AS due
"""
# `heads` hops along the index of waiting rows from target to target: the first of each is its oldest. What an engine
# could send now is due, its endpoint's breaker is closed, there are tokens in its buckets, and fewer of its target are
# on the wire than may be. Leases of engines that fell silent keep no place.
_LAG: Final = f"""
    WITH RECURSIVE heads AS (
        (SELECT tenant_id, target_id, due_at FROM webhooks_due WHERE lease_by IS NULL
            ORDER BY tenant_id, target_id, due_at LIMIT 1)
        UNION ALL
        SELECT next.* FROM heads, LATERAL (
            SELECT due.tenant_id, due.target_id, due.due_at FROM webhooks_due AS due
            WHERE due.lease_by IS NULL AND (due.tenant_id, due.target_id) > (heads.tenant_id, heads.target_id)
            ORDER BY due.tenant_id, due.target_id, due.due_at LIMIT 1
        ) AS next
    ), leased AS MATERIALIZED (
        SELECT target_id, count(*) AS rows FROM webhooks_due AS due
        WHERE lease_by IN (
            SELECT id FROM webhooks_engine WHERE heartbeat_at > now() - make_interval(secs => %(silent)s)
        )
        GROUP BY target_id
    )
    SELECT
        extract(epoch FROM now() - min(head.due_at))::float8,
        extract(epoch FROM now() - min(head.due_at) FILTER (WHERE
            tenant.is_active AND tenant.deleted_at IS NULL
            AND webhook.is_active IS NOT FALSE
            AND runtime.breaker_open_until IS NULL
            AND (webhook.rate_limit_per_minute IS NULL
                OR {tokens("runtime", "webhook.rate_limit_per_minute::float8")} >= 1)
            AND (%(tenant_limit)s::float8 IS NULL OR {tokens("bucket", "%(tenant_limit)s::float8")} >= 1)
            AND coalesce(leased.rows, 0) < coalesce(webhook.max_concurrency, 16)
        ))::float8
    FROM (SELECT * FROM heads LIMIT %(targets)s) AS head
    JOIN integrations_tenant AS tenant ON tenant.id = head.tenant_id
    LEFT JOIN webhooks_webhook AS webhook ON webhook.id = head.target_id
    LEFT JOIN webhooks_webhookruntime AS runtime ON runtime.webhook_id = head.target_id
    LEFT JOIN webhooks_tenantruntime AS bucket ON bucket.tenant_id = head.tenant_id
    LEFT JOIN leased ON leased.target_id = head.target_id
    WHERE head.due_at <= now()
"""  # noqa: S608  (put together from our own constants)
_ENGINES: Final = """
    SELECT count(*), coalesce(sum(in_flight), 0) FROM webhooks_engine
    WHERE heartbeat_at > now() - make_interval(secs => %s)
"""
_BREAKERS: Final = """
    SELECT count(*) FILTER (WHERE breaker_open_until > now()), count(*) FILTER (WHERE breaker_open_until <= now())
    FROM webhooks_webhookruntime WHERE breaker_open_until IS NOT NULL
"""
_HELD: Final = "SELECT coalesce(sum(moved), 0)::bigint FROM webhooks_backlogmove WHERE kind = 'hold'"


@dataclass(frozen=True, slots=True)
class Lag:
    """In seconds; 0 when nothing is due. Looks at the first 5,000 targets that have something waiting."""

    oldest_due: float
    """The oldest delivery that is due, whatever holds it up (a breaker, a rate limit, a slow endpoint)."""
    ready: float
    """The oldest one that an engine could send at once: when this grows, there are too few engines, or none."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """`waiting` is an estimate from 50,000 on; `held` is what disabling webhooks took out of the queue."""

    waiting: int
    leased: int
    held: int
    lag: Lag
    engines: int
    in_flight: int
    breakers_open: int
    breakers_half_open: int


def delivery_lag() -> Lag:
    """Return how long deliveries have been due."""
    parameters = {
        "silent": SILENT_AFTER_SECONDS,
        "tenant_limit": settings.TENANT_DELIVERIES_PER_MINUTE,
        "targets": MOST_TARGETS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # Where most of the queue waits, PostgreSQL would rather read it whole for the few rows that are leased.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(_LAG, parameters)
        oldest, ready = cursor.fetchone()
    return Lag(oldest_due=oldest or 0.0, ready=ready or 0.0)


def engines_alive() -> int:
    """Return how many delivery engines have given a sign of life within the last 20 seconds."""
    return _row(_ENGINES, [SILENT_AFTER_SECONDS])[0]


def queue_state() -> QueueState:
    """Return all figures of the queue."""
    in_queue, leased = _row(_COUNT, {"most": MOST_COUNTED})
    engines, in_flight = _row(_ENGINES, [SILENT_AFTER_SECONDS])
    is_open, is_half_open = _row(_BREAKERS)
    return QueueState(
        waiting=in_queue - leased,
        leased=leased,
        held=_row(_HELD)[0],
        lag=delivery_lag(),
        engines=engines,
        in_flight=in_flight,
        breakers_open=is_open,
        breakers_half_open=is_half_open,
    )


def _row(statement: str, parameters: list[float] | dict[str, int] | None = None) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return tuple(int(value) for value in cursor.fetchone())
