"""Days of UTC as ranges of UUIDv7 ids, and the names of the partitions that hold them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from integrations.ids import uuid7_floor, uuid7_time

# Ids from before this project, or of another version than 7, tell no day.
FIRST_DAY = date(2020, 1, 1)


def today() -> date:
    """Return the current day in UTC, the only calendar that partitions know."""
    return datetime.now(tz=UTC).date()


def day_bounds(day: date) -> tuple[UUID, UUID]:
    """Return the smallest id of `day` and the smallest id of the day after: a half-open range."""
    return uuid7_floor(_midnight(day)), uuid7_floor(_midnight(day + timedelta(days=1)))


def day_of(identifier: UUID) -> date | None:
    """Return the day in which a UUIDv7 was made; None for an id whose time lies outside the calendar."""
    try:
        return uuid7_time(identifier).date()
    except (OverflowError, ValueError):
        return None


def partition_name(table: str, day: date) -> str:
    """Return a name such as `webhooks_event_p20261120`."""
    return f"{table}_p{day:%Y%m%d}"


def default_partition_name(table: str) -> str:
    """Return the name of the partition that takes the rows for which no day's partition exists yet."""
    return f"{table}_default"


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
