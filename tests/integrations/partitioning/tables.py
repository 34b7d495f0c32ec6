"""The state of one partitioned table, for the tests: rows written where a real writer would put them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.db import connection

from integrations.ids import uuid7, uuid7_floor
from integrations.partitioning.days import partition_name, today
from webhooks.models import Payload

TABLE = Payload._meta.db_table


def in_days(days: int) -> date:
    return today() + timedelta(days=days)


def id_of(day: date, *, hour: int = 12) -> UUID:
    """Return an id as made on that day."""
    return UUID(int=uuid7_floor(datetime(day.year, day.month, day.day, hour, tzinfo=UTC)).int | (uuid7().int & 0xFFFF))


def write_payload(identifier: UUID) -> UUID:
    Payload.objects.create(id=identifier, tenant_id=uuid7(), body="{}")
    return identifier


def partition_of(identifier: UUID) -> str:
    """Return the partition in which a payload lies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM webhooks_payload WHERE id = %s", [identifier])
        return str(cursor.fetchone()[0])


def drop_day(day: date) -> None:
    """Take a day's partition away, as if it had never been made."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {partition_name(TABLE, day)}")
