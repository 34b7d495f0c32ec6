"""The engine's database threads: sessions with prepared statements where they are its own, values beside statements."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from integrations.ids import uuid7
from tests.integrations.isolation.pgbouncer import PgBouncer, binary
from webhooks.engine.database import DatabaseThread, UuidArray, engine_cursor
from webhooks.models import Due


def in_thread(*works: Callable[[], Any]) -> list[Any]:
    """Run each, one after another, in one database thread; return what they return."""

    async def run() -> list[Any]:
        thread = DatabaseThread("test")
        try:
            return [await thread.run(work) for work in works]
        finally:
            await thread.close()

    return asyncio.run(run())


def count_due() -> int:
    with engine_cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM webhooks_due WHERE delivery_id = ANY(%s::uuid[])", [UuidArray.of([uuid7()])]
        )
        return int(cursor.fetchall()[0][0])


def prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall()]


def plan_cache_mode() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW plan_cache_mode")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db(transaction=True)
def test_prepares_the_engines_statements_and_no_others() -> None:
    *_, statements, mode = in_thread(count_due, count_due, Due.objects.count, prepared, plan_cache_mode)

    assert statements == ["SELECT count(*) FROM webhooks_due WHERE delivery_id = ANY($1::uuid[])"]
    assert mode == "force_generic_plan"


@pytest.mark.django_db(transaction=True)
def test_a_new_connection_is_a_new_session() -> None:
    *_, statements, mode = in_thread(count_due, lambda: connection.close(), count_due, prepared, plan_cache_mode)

    assert len(statements) == 1
    assert mode == "force_generic_plan"


@pytest.mark.skipif(binary() is None, reason="needs pgbouncer (Debian: apt-get install pgbouncer)")
@pytest.mark.django_db(transaction=True)
def test_prepares_and_sets_nothing_behind_a_pooler() -> None:
    with PgBouncer(os.environ["DATABASE_URL"], pool_size=1) as pool:
        pooled = {"HOST": "127.0.0.1", "PORT": str(pool.port), "OPTIONS": {"connect_timeout": 5}}

        def through_the_pool() -> None:
            connection.close()
            connection.settings_dict = connection.settings_dict | pooled

        _, counted, statements, mode = in_thread(through_the_pool, count_due, prepared, plan_cache_mode)

    assert (counted, statements, mode) == (0, [], "auto")


@pytest.mark.django_db
@pytest.mark.parametrize("ids", [[], [uuid7()], [uuid7() for _ in range(300)]])
def test_ids_arrive_as_they_are(ids: list[UUID]) -> None:
    with engine_cursor() as cursor:
        cursor.execute("SELECT %s::uuid[], cardinality(%s::uuid[])", [UuidArray.of(ids), UuidArray.of(ids)])
        assert cursor.fetchall() == [(ids, len(ids))]
