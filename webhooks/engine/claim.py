"""Claiming: which rows of the queue this engine takes next.

A loose index scan walks over the tenants that have work, and within each over its targets, and takes a few rows of
each. Because it stops as soon as it has enough, it must go on next time where it stopped: from the start it would
serve the first tenants for ever. So a tenant with a million rows, or with ten thousand webhooks, takes one turn like
everybody else. `SKIP LOCKED` keeps engines out of each other's way, and a lease names the engine that took the row.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import connection

from webhooks.engine.database import engine_cursor, uuid_array
from webhooks.engine.limits import CLAIM_ROWS, MIN_TENANT_ROWS, PREFETCH
from webhooks.engine.senders import Claimed
from webhooks.engine.token_bucket import capacity, tokens

ZERO: Final = UUID(int=0)

# `tenants` and the two walks are recursive: each step is one probe of the index for the next key. The walk over a tenant's
# targets begins after the last target that was served, and wraps. Steps are made only as rows are asked for. Leased rows
# are in the index like all others, and are passed by where rows are taken: there are never many of one target.
#
# The rows to lease are named as one list, so that they are looked up one by one, whatever PostgreSQL thinks of the rest.
# `room` is what may be claimed of one target: what its lane has room for; where there are more engines than places,
# also not more than the places that no engine has taken (two claims at the same moment may still both take one).
# While the target's breaker is open there is no room, and while it is half open room for one row of all engines. Where
# its rate is limited, what is claimed should be sent soon: at most a second's worth is held beyond its places, and no
# more is taken than its bucket holds. `paid` and `paid_by_tenants` take from the buckets what was picked; their rows
# are locked in the order of their keys, as recording transactions lock them.
_CLAIM: Final = f"""
WITH RECURSIVE tenants AS (
    (SELECT tenant_id FROM webhooks_due WHERE tenant_id > %(after)s ORDER BY tenant_id LIMIT 1)
    UNION ALL
    SELECT next.tenant_id FROM tenants, LATERAL (
        SELECT due.tenant_id FROM webhooks_due AS due
        WHERE due.tenant_id > tenants.tenant_id ORDER BY due.tenant_id LIMIT 1
    ) AS next
), leased AS MATERIALIZED (
    SELECT target_id, count(*) AS rows FROM webhooks_due WHERE lease_by IS NOT NULL GROUP BY target_id
), picked AS (
    SELECT ready.delivery_id, tenants.tenant_id, ready.target_id, ready.rate_limit, row_number() OVER () AS position
    FROM tenants
    CROSS JOIN LATERAL (
        SELECT 1 FROM integrations_tenant
        WHERE id = tenants.tenant_id AND is_active AND deleted_at IS NULL LIMIT 1
    ) AS active
    CROSS JOIN LATERAL (
        SELECT CASE WHEN %(tenant_limit)s::float8 IS NULL THEN %(tenant_rows)s ELSE (
            SELECT least(%(tenant_rows)s, floor(coalesce(
                (SELECT {tokens("bucket", "%(tenant_limit)s::float8")}
                    FROM webhooks_tenantruntime AS bucket WHERE bucket.tenant_id = tenants.tenant_id),
                {capacity("%(tenant_limit)s::float8")}
            )))::int
        ) END AS rows OFFSET 0
    ) AS allowance
    CROSS JOIN LATERAL (
        SELECT coalesce((%(cursors)s::jsonb ->> tenants.tenant_id::text)::uuid, %(zero)s) AS after OFFSET 0
    ) AS cursor
    CROSS JOIN LATERAL (
        WITH RECURSIVE onward AS (
            (SELECT target_id FROM webhooks_due WHERE tenant_id = tenants.tenant_id
                AND target_id > cursor.after ORDER BY target_id LIMIT 1)
            UNION ALL
            SELECT next.target_id FROM onward, LATERAL (
                SELECT due.target_id FROM webhooks_due AS due
                WHERE due.tenant_id = tenants.tenant_id AND due.target_id > onward.target_id
                ORDER BY due.target_id LIMIT 1
            ) AS next
        ), wrapped AS (
            (SELECT target_id FROM webhooks_due WHERE tenant_id = tenants.tenant_id
                AND target_id <= cursor.after ORDER BY target_id LIMIT 1)
            UNION ALL
            SELECT next.target_id FROM wrapped, LATERAL (
                SELECT due.target_id FROM webhooks_due AS due
                WHERE due.tenant_id = tenants.tenant_id AND due.target_id > wrapped.target_id
                    AND due.target_id <= cursor.after
                ORDER BY due.target_id LIMIT 1
            ) AS next
        )
        SELECT due.delivery_id, target.target_id, webhook.rate_limit
        FROM (SELECT target_id FROM onward UNION ALL SELECT target_id FROM wrapped) AS target
        LEFT JOIN LATERAL (
            SELECT max_concurrency, rate_limit_per_minute::float8 AS rate_limit
            FROM webhooks_webhook WHERE id = target.target_id LIMIT 1
        ) AS webhook ON true
        LEFT JOIN LATERAL (
            SELECT breaker_open_until, rate_tokens, rate_refilled_at
            FROM webhooks_webhookruntime WHERE webhook_id = target.target_id LIMIT 1
        ) AS runtime ON true
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN runtime.breaker_open_until > now() THEN 0
                WHEN runtime.breaker_open_until IS NOT NULL
                    THEN 1 - coalesce((SELECT rows FROM leased WHERE leased.target_id = target.target_id), 0)
                WHEN places >= %(engines)s
                    THEN %(prefetch)s * (places / %(engines)s) - held
                ELSE least(
                    %(prefetch)s - held,
                    places - coalesce((SELECT rows FROM leased WHERE leased.target_id = target.target_id), 0)
                )
            END AS rows, CASE WHEN webhook.rate_limit IS NOT NULL
                THEN least(
                    floor({tokens("runtime", "webhook.rate_limit")}),
                    greatest(1, places / %(engines)s, webhook.rate_limit / 60) - held
                )::int
            END AS tokens
            FROM (SELECT coalesce(webhook.max_concurrency, 16) AS places,
                coalesce((%(held)s::jsonb ->> target.target_id::text)::int, 0) AS held OFFSET 0) AS known
            OFFSET 0
        ) AS room
        CROSS JOIN LATERAL (
            SELECT waiting.delivery_id FROM webhooks_due AS waiting
            WHERE waiting.lease_by IS NULL AND waiting.tenant_id = tenants.tenant_id
                AND waiting.target_id = target.target_id AND waiting.due_at <= now()
            ORDER BY waiting.due_at LIMIT greatest(least(room.rows, room.tokens), 0)
            FOR UPDATE SKIP LOCKED
        ) AS due
        LIMIT greatest(allowance.rows, 0)
    ) AS ready
    LIMIT %(rows)s
), chosen AS (
    SELECT array_agg(delivery_id) AS ids FROM picked
), spent AS (
    SELECT target_id, rate_limit, count(*) AS rows FROM picked WHERE rate_limit IS NOT NULL GROUP BY 1, 2
), buckets AS MATERIALIZED (
    SELECT webhook_id FROM webhooks_webhookruntime
    WHERE webhook_id = ANY((SELECT array_agg(target_id) FROM spent)::uuid[])
    ORDER BY webhook_id FOR NO KEY UPDATE
), paid AS (
    UPDATE webhooks_webhookruntime AS bucket
    SET rate_tokens = {tokens("bucket", "spent.rate_limit")} - spent.rows,
        rate_refilled_at = greatest(bucket.rate_refilled_at, now())
    FROM buckets JOIN spent ON spent.target_id = buckets.webhook_id
    WHERE bucket.webhook_id = buckets.webhook_id
), paid_by_tenants AS (
    INSERT INTO webhooks_tenantruntime AS bucket (tenant_id, rate_tokens, rate_refilled_at)
    SELECT tenant_id, {capacity("%(tenant_limit)s::float8")} - count(*), now()
    FROM picked WHERE %(tenant_limit)s::float8 IS NOT NULL GROUP BY tenant_id ORDER BY tenant_id
    ON CONFLICT (tenant_id) DO UPDATE
    SET rate_tokens = {tokens("bucket", "%(tenant_limit)s::float8")}
            - ({capacity("%(tenant_limit)s::float8")} - excluded.rate_tokens),
        rate_refilled_at = greatest(bucket.rate_refilled_at, now())
)
UPDATE webhooks_due AS due SET lease_by = %(engine)s, leased_at = now()
FROM picked
WHERE due.delivery_id = ANY((SELECT ids FROM chosen)::uuid[]) AND picked.delivery_id = due.delivery_id
RETURNING picked.position, {", ".join(f"due.{name}" for name in Claimed._fields)}
"""  # noqa: S608  (put together from our own constants)

_GIVE_BACK_UNKNOWN: Final = """
    WITH unknown AS (
        SELECT delivery_id FROM webhooks_due WHERE lease_by = %s AND delivery_id <> ALL(%s::uuid[])
        ORDER BY delivery_id FOR UPDATE SKIP LOCKED
    )
    UPDATE webhooks_due AS due SET lease_by = NULL, leased_at = NULL
    FROM unknown WHERE due.delivery_id = unknown.delivery_id
"""


@dataclass(slots=True)
class Claimer:
    """One engine's walk through the queue. Used by one thread at a time."""

    engine_id: UUID
    after_tenant: UUID = ZERO
    # The last target served, for each tenant served in the last circle.
    cursors: dict[UUID, UUID] = field(default_factory=dict)
    tenants_in_circle: int = 1
    _tenants_so_far: set[UUID] = field(default_factory=set)

    def claim(self, *, rows: int, engines: int, held: Mapping[UUID, int]) -> list[Claimed]:
        """Lease up to `rows` due rows and return them in the order in which they should be sent.

        `engines` is how many engines are alive: they share each target's places. `held` counts, for each target, what
        this engine has leased and not finished. Fewer rows than asked for mean that the walk came round: whatever
        else is due has no room or is locked by another engine.
        """
        wanted = min(rows, CLAIM_ROWS)
        claimed: list[Claimed] = []
        while len(claimed) < wanted:
            began_midway = self.after_tenant != ZERO
            found, was_cut = self._walk(wanted - len(claimed), engines, _plus(held, claimed))
            claimed += found
            if len(claimed) == wanted:
                self.after_tenant = claimed[-1].tenant_id
            else:
                self._come_round()
                if not began_midway and not was_cut:
                    break
        return claimed

    def _walk(self, rows: int, engines: int, held: Mapping[UUID, int]) -> tuple[list[Claimed], bool]:
        """Lease rows from here to the end of the circle; tell whether some tenant had more than its share of them."""
        tenant_rows = max(MIN_TENANT_ROWS, rows // self.tenants_in_circle)
        parameters: dict[str, Any] = {
            "engine": self.engine_id,
            "after": self.after_tenant,
            "zero": ZERO,
            "cursors": _as_json(self.cursors),
            "held": _as_json(held),
            "engines": max(1, engines),
            "prefetch": PREFETCH,
            "tenant_rows": tenant_rows,
            "tenant_limit": settings.TENANT_DELIVERIES_PER_MINUTE,
            "rows": rows,
        }
        with engine_cursor() as cursor:
            cursor.execute(_CLAIM, parameters)
            found = sorted(cursor.fetchall())
        claimed = [Claimed._make(row[1:]) for row in found]
        for row in claimed:
            self.cursors[row.tenant_id] = row.target_id
            self._tenants_so_far.add(row.tenant_id)
        by_tenant = Counter(row.tenant_id for row in claimed)
        return claimed, any(count >= tenant_rows for count in by_tenant.values())

    def _come_round(self) -> None:
        self.after_tenant = ZERO
        self.tenants_in_circle = max(1, len(self._tenants_so_far))
        self.cursors = {tenant: target for tenant, target in self.cursors.items() if tenant in self._tenants_so_far}
        self._tenants_so_far.clear()

    def give_back_unknown(self, known: Collection[UUID]) -> int:
        """Release rows that are leased to this engine without its knowing: the answer to a claim was lost."""
        with connection.cursor() as cursor:
            cursor.execute(_GIVE_BACK_UNKNOWN, [self.engine_id, uuid_array(known)])
            return int(cursor.rowcount)


def _plus(held: Mapping[UUID, int], claimed: Collection[Claimed]) -> dict[UUID, int]:
    total = dict(held)
    for row in claimed:
        total[row.target_id] = total.get(row.target_id, 0) + 1
    return total


def _as_json(values: Mapping[UUID, Any]) -> str:
    return json.dumps({str(key): value if isinstance(value, int) else str(value) for key, value in values.items()})
