"""A transaction that begins with its first statement is one from that statement on, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.db.utils import DataError, ProgrammingError
from psycopg.pq import TransactionStatus

from integrations.isolation.scope import tenant_scope
from integrations.isolation.transaction_settings import transaction_settings
from integrations.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)
SETTINGS = {"role": "signalbox_tenant", "sb.test": "it's 100 % 'quoted'"}
SEEN = "SELECT current_user, coalesce(current_setting('sb.test', true), '')"


@pytest.fixture(autouse=True)
def fresh_connection() -> Iterator[None]:
    connection.close()
    yield
    assert connection.execute_wrappers == []
    connection.close()


def fetch(statement: str, params: Any = None) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchone()


def status() -> TransactionStatus:
    return connection.connection.info.transaction_status


def backends_last_message() -> str:
    with psycopg.connect(connection.connection.info.dsn) as other:
        process = connection.connection.info.backend_pid
        last = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [process]).fetchone()
    return last[0] if last else ""


def test_the_first_statement_brings_begin_and_settings_in_one_message() -> None:
    owner, _ = fetch(SEEN)

    with transaction_settings(SETTINGS, begins_late=True):
        assert status() is TransactionStatus.IDLE
        assert fetch("SELECT %(given)s", {"given": "it's %s"}) == ("it's %s",)
        assert backends_last_message().startswith("BEGIN; SELECT set_config('role'")
        assert status() is TransactionStatus.INTRANS
        assert fetch(SEEN) == tuple(SETTINGS.values())

    assert status() is TransactionStatus.IDLE
    assert fetch(SEEN) == (owner, "")


@pytest.mark.parametrize("params", [None, [], ["x"], {}], ids=["none", "empty", "positional", "no-names"])
def test_any_first_statement_is_within(params: Any) -> None:
    with transaction_settings(SETTINGS, begins_late=True):
        assert fetch(
            f"SELECT u, s FROM ({SEEN}) AS seen (u, s) {'WHERE %s IS NOT NULL' if params else ''}", params
        ) == (tuple(SETTINGS.values()))


def test_many_rows_may_be_first(tenant: Tenant) -> None:
    with pytest.raises(ZeroDivisionError), transaction_settings({"sb.test": "x"}, begins_late=True):
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE integrations_tenant SET name = %s", [["Renamed"], ["Again"]])
        raise ZeroDivisionError

    assert Tenant.objects.get().name == tenant.name


def test_a_savepoint_may_be_first(tenant: Tenant) -> None:
    with tenant_scope(tenant, begins_late=True):
        with pytest.raises(DataError), transaction.atomic():
            fetch("SELECT 1 / %(zero)s", {"zero": 0})
        assert fetch(SEEN)[0] == "signalbox_tenant"


def test_what_is_done_is_rolled_back_when_the_block_fails(tenant: Tenant) -> None:
    with pytest.raises(ZeroDivisionError), transaction_settings({"sb.test": "x"}, begins_late=True):
        fetch("UPDATE integrations_tenant SET name = %(name)s RETURNING 1", {"name": "Renamed"})
        raise ZeroDivisionError

    assert Tenant.objects.get().name == tenant.name


@pytest.mark.parametrize(
    ("statement", "params", "error"),
    [
        ("SELECT 1 / %(zero)s", {"zero": 0}, DataError),  # begun, and failed
        ("SELECT %(absent)s", {"zero": 0}, ProgrammingError),  # never sent
    ],
    ids=["refused", "not-sent"],
)
def test_nothing_runs_after_a_first_statement_that_failed(
    tenant: Tenant, statement: str, params: dict[str, int], error: type[Exception]
) -> None:
    with pytest.raises(TransactionManagementError), tenant_scope(tenant, begins_late=True):
        with pytest.raises(error):
            fetch(statement, params)
        fetch("UPDATE integrations_tenant SET name = 'as the owner' RETURNING 1")

    assert Tenant.objects.get().name == tenant.name
    assert status() is TransactionStatus.IDLE


def test_settings_that_are_refused_end_the_block() -> None:
    with pytest.raises(DataError), transaction_settings({"role": "no_such_role"}, begins_late=True):
        fetch("SELECT %(one)s", {"one": 1})

    assert status() is TransactionStatus.IDLE


def test_a_block_without_a_statement_begins_nothing_and_neither_does_what_runs_on_commit() -> None:
    owner, _ = fetch(SEEN)
    seen = []

    with transaction_settings(SETTINGS, begins_late=True):
        transaction.on_commit(lambda: seen.append(fetch(SEEN)))

    assert seen == [(owner, "")]
    assert status() is TransactionStatus.IDLE


def test_within_a_transaction_it_is_a_savepoint_as_ever(tenant: Tenant) -> None:
    with transaction.atomic():
        with tenant_scope(tenant, begins_late=True):
            assert fetch(SEEN)[0] == "signalbox_tenant"
        assert fetch(SEEN)[0] != "signalbox_tenant"
