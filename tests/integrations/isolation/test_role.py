"""The tenant role, which belongs to the server and not to a database."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from django.db import ProgrammingError, transaction
from django.db.migrations.state import ProjectState
from django.test import override_settings

from integrations.isolation.operations import CreateTenantRole
from integrations.isolation.role import RoleState, TenantRoleError, ensure_tenant_role, read_role_state
from tests.integrations.isolation.databases import connected, drop_role, new_database, new_role

DATABASES = 4
USABLE = RoleState(exists=True, can_be_set=True, is_powerful=False, sees_schema=True)

pytestmark = pytest.mark.django_db


def test_creates_the_role_once_when_several_databases_migrate_at_the_same_moment() -> None:
    role = f"test_role_{secrets.token_hex(6)}"
    start = threading.Barrier(DATABASES)
    operation, state = CreateTenantRole(), ProjectState()

    def migrate(database: str) -> RoleState:
        with connected(database) as wrapper:
            wrapper.connect()
            start.wait(timeout=30)
            # A transaction, as a migration is. The editor's own would be of this thread's `default` connection.
            wrapper.set_autocommit(False)
            with wrapper.schema_editor(atomic=False) as editor:
                operation.database_forwards("integrations", editor, state, state)
            wrapper.commit()
            return read_role_state(role, wrapper)

    with ExitStack() as databases, override_settings(TENANT_ROLE=role):
        names = [databases.enter_context(new_database()) for _ in range(DATABASES)]
        try:
            for _ in range(5):
                with ThreadPoolExecutor(DATABASES) as pool:
                    states = list(pool.map(migrate, names))
                assert states == [USABLE] * DATABASES
                drop_role(role)
        finally:
            drop_role(role)


def test_says_what_the_administrator_has_to_run_when_the_login_may_not_create_roles() -> None:
    role = f"test_role_{secrets.token_hex(6)}"
    with new_role(attributes="LOGIN") as login, new_database() as database, connected(database, user=login) as wrapper:
        with pytest.raises(TenantRoleError) as refusal:
            ensure_tenant_role(role, wrapper)

        lines = str(refusal.value).splitlines()[-3:]
        assert lines == [
            f'    CREATE ROLE "{role}" NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;',
            f'    GRANT "{role}" TO "{login}" WITH SET TRUE, INHERIT FALSE;',
            f'    GRANT USAGE ON SCHEMA "public" TO "{role}";',
        ]
        assert not read_role_state(role, wrapper).exists


def test_uses_a_role_that_the_administrator_made_when_the_login_may_not_create_roles() -> None:
    with (
        new_role(attributes="LOGIN") as login,
        new_role(attributes="NOLOGIN NOBYPASSRLS NOINHERIT") as role,
        new_database() as database,
    ):
        with connected(database) as administrator, administrator.cursor() as cursor:
            cursor.execute(f"GRANT {role} TO {login} WITH SET TRUE, INHERIT FALSE")
        with connected(database, user=login) as wrapper:
            ensure_tenant_role(role, wrapper)
            assert read_role_state(role, wrapper) == USABLE


def test_refuses_a_role_that_somebody_else_made_and_did_not_grant() -> None:
    with (
        new_role(attributes="LOGIN CREATEROLE") as login,
        new_role() as role,
        new_database() as database,
        connected(database, user=login) as wrapper,
        pytest.raises(TenantRoleError, match="may not prepare the role"),
    ):
        ensure_tenant_role(role, wrapper)


@pytest.mark.parametrize("attributes", ["CREATEROLE", "membership"])
def test_refuses_a_role_that_is_more_than_a_tenant(attributes: str) -> None:
    with (
        new_role() as powers,
        new_role(attributes="" if attributes == "membership" else attributes) as role,
        new_database() as database,
        connected(database) as wrapper,
    ):
        if attributes == "membership":
            with wrapper.cursor() as cursor:
                cursor.execute(f"GRANT {powers} TO {role}")
        with pytest.raises(TenantRoleError, match="Name an unused role in TENANT_ROLE"):
            ensure_tenant_role(role, wrapper)


def test_makes_a_role_that_cannot_log_in_or_use_the_logins_privileges() -> None:
    role = f"test_role_{secrets.token_hex(6)}"
    try:
        with new_database() as database, connected(database) as wrapper:
            ensure_tenant_role(role, wrapper)
            with wrapper.cursor() as cursor:
                cursor.execute(
                    "SELECT rolcanlogin, rolsuper, rolbypassrls, rolinherit, rolcreatedb, rolcreaterole"
                    "  FROM pg_roles WHERE rolname = %s",
                    [role],
                )
                assert cursor.fetchone() == (False, False, False, False, False, False)
                cursor.execute("CREATE TABLE owned ()")
                with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                    cursor.execute(f"SET ROLE {role}; SELECT * FROM owned")
    finally:
        drop_role(role)
