"""What fails and why: failed requests of the same webhook, kind and message, taken together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from analytics.call_filter import within
from analytics.models import COUNTED_KIND, WebhookCall
from analytics.period import Period
from integrations.isolation.scope import tenant_scope

# The newest failures: what they are about hardly changes with the five thousand before them.
EXAMINED: Final = 5_000
_COLUMNS: Final = (
    "id",
    "target_id",
    "workflow_name",
    "delivery_id",
    "error_kind",
    "status_code",
    "error_message",
    "is_final",
    "timestamp",
)
# What differs between two messages that mean the same: every word with a digit in it, and what hangs on to it. These are
# numbers, addresses with their ports, times, ids. In linear time, since messages may quote what somebody else wrote.
_DIFFERENT: Final = re.compile(r"\b\w*\d[\w.:-]*")


@dataclass(slots=True, kw_only=True)
class ErrorGroup:
    """Failed requests that mean the same."""

    webhook_id: UUID
    workflow_name: str
    """As it was at the newest one."""
    error_kind: str
    status_code: int | None
    message: str
    """Of the newest one. Messages are the same when they differ in numbers, addresses and ids only."""
    count: int
    """Requests, retries included."""
    calls: int
    """Of these, how many ended their delivery as failed."""
    first_seen: datetime
    last_seen: datetime
    example_call_id: UUID
    """The newest one, and its delivery."""
    example_delivery_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorGroups:
    """The largest groups first. `examined` failed requests were grouped, the newest of the period.

    `is_complete` tells whether these are all; if not, `examined_since` is when the oldest of them began.
    """

    start: datetime
    end: datetime
    webhook_id: UUID | None
    groups: Sequence[ErrorGroup]
    examined: int
    examined_since: datetime
    is_complete: bool


def error_groups(*, tenant_id: UUID, period: Period, webhook_id: UUID | None = None, limit: int = 10) -> ErrorGroups:
    """Group a tenant's failed requests, or one webhook's, by webhook, kind, status and message.

    It reads the newest 5,000 failures of the period at most, from the index that holds failures alone and within the
    ids of that time: a year of successes between them costs nothing. Opens the tenant's scope.
    """
    failures = WebhookCall.objects.filter(tenant_id=tenant_id, success=False, target_kind=COUNTED_KIND).order_by("-id")
    if webhook_id is not None:
        failures = failures.filter(target_id=webhook_id)
    newest_first = within(failures, period.start, period.end).values(*_COLUMNS)
    with tenant_scope(tenant_id):
        rows = list(newest_first[: EXAMINED + 1])
    is_complete = len(rows) <= EXAMINED
    examined = rows[:EXAMINED]
    groups = sorted(_grouped(examined), key=lambda group: (-group.count, -group.last_seen.timestamp()))
    return ErrorGroups(
        start=period.start,
        end=period.end,
        webhook_id=webhook_id,
        groups=groups[:limit],
        examined=len(examined),
        examined_since=period.start if is_complete else min(row["timestamp"] for row in examined),
        is_complete=is_complete,
    )


def normalised(message: str) -> str:
    """Return a message without what differs from one request to the next: ids, addresses, numbers."""
    return _DIFFERENT.sub("#", message)


def _grouped(newest_first: Sequence[Any]) -> list[ErrorGroup]:
    groups: dict[tuple[Any, ...], ErrorGroup] = {}
    alike: dict[str, str] = {}
    for row in newest_first:
        message = row["error_message"]
        if message not in alike:
            alike[message] = normalised(message)
        key = (row["target_id"], row["error_kind"], row["status_code"], alike[message])
        group = groups.get(key)
        if group is None:
            group = groups[key] = ErrorGroup(
                webhook_id=row["target_id"],
                workflow_name=row["workflow_name"],
                error_kind=row["error_kind"],
                status_code=row["status_code"],
                message=message,
                count=0,
                calls=0,
                first_seen=row["timestamp"],
                last_seen=row["timestamp"],
                example_call_id=row["id"],
                example_delivery_id=row["delivery_id"],
            )
        group.count += 1
        group.calls += row["is_final"]
        group.first_seen = min(group.first_seen, row["timestamp"])
        group.last_seen = max(group.last_seen, row["timestamp"])
    return list(groups.values())
