"""The site's database backend: what it leaves out is never missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.db.utils import DataError

from integrations.isolation.scope import tenant_scope
from integrations.isolation.transaction_settings import transaction_settings
from integrations.models import Tenant

pytestmark = pytest.mark.django_db(transaction=True)
SETTINGS = {"role": "signalbox_tenant", "sb.test": "it's 'quoted'"}


@pytest.fixture(autouse=True)
def fresh_connection() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


def _value(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def _settings() -> tuple[str, str]:
    return _value("SELECT current_user"), _value("SELECT coalesce(current_setting('sb.test', true), '')")


def test_begin_brings_the_settings_along_and_they_end_with_the_transaction() -> None:
    owner, _ = _settings()
    seen: list[str] = []

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(watch), transaction_settings(SETTINGS):
        assert seen == []
        assert _settings() == tuple(SETTINGS.values())

    assert _settings() == (owner, "")


def test_settings_hold_when_autocommit_was_off() -> None:
    transaction.set_autocommit(False)
    try:
        with transaction_settings(SETTINGS):
            assert _settings() == tuple(SETTINGS.values())
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)


def test_settings_that_are_refused_leave_nothing_open() -> None:
    owner, _ = _settings()

    with pytest.raises(DataError), transaction_settings({"sb.test": "x", "role": "no_such_role"}):
        raise AssertionError("The block ran without its settings.")

    assert _settings() == (owner, "")
    with transaction.atomic():
        assert _settings() == (owner, "")


def test_settings_of_a_transaction_that_never_began_reach_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    owner, _ = _settings()

    def refuse() -> None:
        raise OperationalError("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(connection._connections[connection._alias], "ensure_connection", refuse)
        with pytest.raises(OperationalError), transaction_settings(SETTINGS):
            raise AssertionError("The block ran without a database.")

    with transaction.atomic():
        assert _settings() == (owner, "")


def test_what_is_done_in_a_transaction_is_rolled_back_when_it_fails(tenant: Tenant) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Tenant.objects.filter(id=tenant.id).update(name="Renamed")
        raise ZeroDivisionError

    assert Tenant.objects.get(id=tenant.id).name == tenant.name


def test_savepoints_work_within(tenant: Tenant) -> None:
    with tenant_scope(tenant):
        with pytest.raises(DataError), transaction.atomic():
            _value("SELECT 1 / 0")
        assert _value("SELECT current_user") == "signalbox_tenant"


@pytest.fixture
def next_request() -> Iterator[None]:
    """As at the beginning of a request, with health checks as the site has them."""
    _value("SELECT 'before'")
    connection.health_check_enabled, connection.health_check_done = True, False
    yield
    connection.health_check_enabled = False


def test_a_connection_that_is_quiet_is_used_without_asking(next_request: None) -> None:
    process = connection.connection.info.backend_pid

    with connection.cursor(), psycopg.connect(connection.connection.info.dsn) as other:
        last = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [process]).fetchone()

    assert last == ("SELECT 'before'",)
    assert connection.health_check_done


def test_a_connection_that_the_server_ended_is_replaced(next_request: None) -> None:
    process = connection.connection.info.backend_pid
    with psycopg.connect(connection.connection.info.dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])

    assert _value("SELECT pg_backend_pid()") != process
