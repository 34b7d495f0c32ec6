"""How much each key is used: counted in this process's memory, written to the database once a minute.

A write for each request would cost more than checking the key. So up to a minute of counts, and the moment of last
use, are in memory only: they are written when the process ends as it should (SIGTERM, too), and lost when it is killed.
Every other figure is exact: the database adds what each process brings.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import Error as DatabaseProblem
from django.db import connection, transaction
from django.utils import timezone

from integrations.api_keys.models import APIKeyUsage

KEPT_FOR: Final = timedelta(days=90)
_MOST_ENTRIES: Final = 100_000  # of a key and an hour, in memory while the database is away


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    errors: int = 0


@dataclass(slots=True)
class _Unwritten:
    """What was counted since the last flush: by key and hour, and the last use of each key."""

    counts: dict[tuple[UUID, datetime], _Counts] = field(default_factory=dict)
    last_uses: dict[UUID, tuple[datetime, str | None]] = field(default_factory=dict)


class UsageCounter:
    """Counts of one process. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._unwritten = _Unwritten()

    def count(self, key_id: UUID, *, is_error: bool, address: str | None, was_let_in: bool = True) -> None:
        """Count one request. A refused one (expired, from elsewhere) is no use of the key, only an error."""
        now = timezone.now()
        with self._lock:
            counts = self._counts_of(key_id, now.replace(minute=0, second=0, microsecond=0))
            counts.requests += 1
            counts.errors += is_error
            if was_let_in:
                self._unwritten.last_uses[key_id] = (now, address)

    def flush(self) -> None:
        """Write what was counted since the last time. What could not be written waits for the next. Raises DatabaseError."""
        with self._lock:
            taken, self._unwritten = self._unwritten, _Unwritten()
        try:
            _write(taken)
        except DatabaseProblem:
            self._put_back(taken)
            raise

    def _counts_of(self, key_id: UUID, hour: datetime) -> _Counts:
        counts = self._unwritten.counts
        if (key_id, hour) not in counts and len(counts) >= _MOST_ENTRIES:
            counts.pop(next(iter(counts)))  # the oldest: the database has been away for long
        return counts.setdefault((key_id, hour), _Counts())

    def _put_back(self, taken: _Unwritten) -> None:
        with self._lock:
            for (key_id, hour), counted in taken.counts.items():
                counts = self._counts_of(key_id, hour)
                counts.requests += counted.requests
                counts.errors += counted.errors
            self._unwritten.last_uses = taken.last_uses | self._unwritten.last_uses


def _write(unwritten: _Unwritten) -> None:
    """Add counts and move last uses forward, in the order of ids: processes that flush together wait, never deadlock."""
    if not unwritten.counts:
        return
    counts = [(key_id, hour, each.requests, each.errors) for (key_id, hour), each in unwritten.counts.items()]
    uses = [(key_id, *use) for key_id, use in unwritten.last_uses.items()]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ADD_COUNTS, _columns(counts, 4))
        cursor.execute(_MOVE_LAST_USE, _columns(uses, 3))


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [[row[position] for row in rows] for position in range(width)]


# Joining the keys leaves out those that were deleted meanwhile.
_ADD_COUNTS: Final = """
INSERT INTO integrations_apikeyusage AS stored (tenant_id, api_key_id, hour, requests, errors)
SELECT k.tenant_id, k.id, counted.hour, counted.requests, counted.errors
  FROM unnest(%s::uuid[], %s::timestamptz[], %s::bigint[], %s::bigint[]) AS counted (id, hour, requests, errors)
  JOIN integrations_apikey k ON k.id = counted.id
 ORDER BY k.tenant_id, k.id, counted.hour
ON CONFLICT (tenant_id, api_key_id, hour)
DO UPDATE SET requests = stored.requests + excluded.requests, errors = stored.errors + excluded.errors
"""
_MOVE_LAST_USE: Final = """
WITH used AS (
    SELECT k.id, used.moment, used.address
      FROM unnest(%s::uuid[], %s::timestamptz[], %s::inet[]) AS used (id, moment, address)
      JOIN integrations_apikey k ON k.id = used.id
     WHERE k.last_used_at IS NULL OR k.last_used_at < used.moment
     ORDER BY k.id
       FOR NO KEY UPDATE OF k
)
UPDATE integrations_apikey k SET last_used_at = used.moment, last_used_address = used.address
  FROM used WHERE k.id = used.id
"""


def purge_usage(*, batch: int = 10_000) -> int:
    """Delete the usage of hours more than 90 days ago, in batches by hour; return how many rows. Safe beside itself."""
    total = 0
    old = APIKeyUsage.objects.filter(hour__lt=timezone.now() - KEPT_FOR).order_by("hour")
    while hours := sorted(set(old.values_list("hour", flat=True)[:batch])):
        deleted, _ = APIKeyUsage.objects.filter(hour__in=hours).delete()
        total += deleted
    return total


counter: Final = UsageCounter()
"""This process's own."""
