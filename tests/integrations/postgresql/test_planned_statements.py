"""Statements whose plan the server keeps: kept where it is the same server each time, and like all others in the rest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.db.utils import DataError
from django.test.utils import CaptureQueriesContext
from psycopg.conninfo import conninfo_to_dict

from integrations.isolation.guard import UnscopedQueryError, arm, disarm
from integrations.isolation.scope import tenant_scope
from integrations.isolation.thread_state import state
from integrations.models import Tenant
from integrations.postgresql import planned_statements
from integrations.postgresql.base import DatabaseWrapper
from tests.integrations.isolation.pgbouncer import PgBouncer, binary

pytestmark = pytest.mark.django_db(transaction=True)
SUM = "SELECT %s::int + %s::int"


@pytest.fixture(autouse=True)
def fresh_connection() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


def _kept() -> list[tuple[str, int]]:
    """Return the statements that the server keeps for this connection, and how often each was run."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans + custom_plans FROM pg_prepared_statements")
        return cursor.fetchall()


def test_the_server_keeps_the_statement_and_no_other() -> None:
    assert [planned_statements.rows_of(SUM, [1, number]) for number in range(3)] == [[(1,)], [(2,)], [(3,)]]
    assert Tenant.objects.count() == 0

    assert _kept() == [("SELECT $1::int + $2::int", 3)]


def test_a_statement_without_rows_is_run(tenant: Tenant) -> None:
    planned_statements.run("UPDATE integrations_tenant SET name = %(name)s::text WHERE id = %(id)s", _named(tenant))

    assert Tenant.objects.get(id=tenant.id).name == "it's \\ new"


def _named(tenant: Tenant) -> dict[str, Any]:
    return {"name": "it's \\ new", "id": tenant.id}


def test_a_plan_made_outside_shows_nothing_more_in_a_scope(tenant: Tenant, other_tenant: Tenant) -> None:
    every = "SELECT slug FROM integrations_tenant ORDER BY slug"
    both = planned_statements.rows_of(every, [])
    for asked in (tenant, other_tenant, tenant):
        with tenant_scope(asked):
            assert planned_statements.rows_of(every, []) == [(asked.slug,)]

    assert both == planned_statements.rows_of(every, []) == sorted([(tenant.slug,), (other_tenant.slug,)])


def test_the_guard_of_a_tenants_request_refuses_it_outside_of_the_scope(tenant: Tenant) -> None:
    state.in_request = True
    arm(tenant.id)
    try:
        with pytest.raises(UnscopedQueryError):
            planned_statements.rows_of(SUM, [1, 2])
        with tenant_scope(tenant):
            assert planned_statements.rows_of(SUM, [1, 2]) == [(3,)]
    finally:
        disarm()
        state.in_request = False


def test_errors_are_djangos() -> None:
    with pytest.raises(DataError):
        planned_statements.rows_of("SELECT 1 / %s::int", [0])


def test_a_log_of_statements_shows_the_parameters() -> None:
    with CaptureQueriesContext(connection) as queries:
        planned_statements.rows_of(SUM, [1, 2])

    assert [query["sql"] for query in queries] == ["SELECT 1::int + 2::int"]


@pytest.mark.skipif(binary() is None, reason="needs pgbouncer (Debian: apt-get install pgbouncer)")
def test_behind_a_pooler_the_server_keeps_nothing() -> None:
    ours = connections["default"]
    with PgBouncer(os.environ["DATABASE_URL"], pool_size=1) as pool:
        place = conninfo_to_dict(pool.url)
        settings = ours.settings_dict | {"HOST": place["host"], "PORT": place["port"], "USER": place["user"]}
        pooled = DatabaseWrapper(settings, alias="pooled")
        try:
            rows = [pooled.run_planned(SUM, [1, number]).fetchall() for number in range(3)]
            with pooled.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM pg_prepared_statements")
                kept = cursor.fetchone()
        finally:
            pooled.close()

    assert rows == [[(1,)], [(2,)], [(3,)]]
    assert kept == (0,)
