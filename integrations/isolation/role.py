"""The PostgreSQL role under which a tenant's statements run: it owns nothing, logs in nowhere, bypasses nothing."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.management.base import CommandError
from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ProgrammingError


class TenantRoleError(CommandError):
    """The role cannot be made or used by this login. The message holds the SQL lines for a database administrator."""


@dataclass(frozen=True, slots=True)
class RoleState:
    """What the database says of the role and of the login that has to switch to it."""

    exists: bool
    can_be_set: bool
    is_powerful: bool  # a superuser, free of row-level security, a member of another role, an owner of tables …
    sees_schema: bool


def read_role_state(role: str, database: BaseDatabaseWrapper = connection) -> RoleState:
    """Return the state of `role`; all false where it does not exist."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT pg_has_role(current_user, oid, 'SET'),"
            "       rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication"
            "       OR EXISTS (SELECT FROM pg_auth_members WHERE member = r.oid)"
            "       OR EXISTS (SELECT FROM pg_class WHERE relowner = r.oid),"
            "       has_schema_privilege(oid, current_schema(), 'USAGE')"
            "  FROM pg_roles r WHERE rolname = %s",
            [role],
        )
        row = cursor.fetchone()
    if row is None:
        return RoleState(exists=False, can_be_set=False, is_powerful=False, sees_schema=False)
    return RoleState(exists=True, can_be_set=row[0], is_powerful=row[1], sees_schema=row[2])


def administrator_lines(role: str, database: BaseDatabaseWrapper = connection) -> str:
    """Return the SQL by which an administrator prepares the role for the current login."""
    quote = database.ops.quote_name
    with database.cursor() as cursor:
        cursor.execute("SELECT current_user, current_schema()")
        login, schema = cursor.fetchone()
    return (
        f"    CREATE ROLE {quote(role)} NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;\n"
        f"    GRANT {quote(role)} TO {quote(login)} WITH SET TRUE, INHERIT FALSE;\n"
        f"    GRANT USAGE ON SCHEMA {quote(schema)} TO {quote(role)};"
    )


def ensure_tenant_role(role: str, database: BaseDatabaseWrapper = connection) -> None:
    """Create `role` and let the current login switch to it, unless all that is so already.

    Roles belong to the whole server: several databases may do this at the same moment, and "create if it does not
    exist" then fails in most of them. So the errors of a race are taken for success.

    Raises:
        TenantRoleError: the login lacks CREATEROLE (or ADMIN on a role that somebody else made), or the role has
            powers that would defeat row-level security.
    """
    lines = administrator_lines(role, database)
    try:
        _create_what_is_missing(role, database)
    except ProgrammingError as error:
        raise TenantRoleError(
            f"This login may not prepare the role {role}: {error}\nHave a database administrator run, then migrate:\n"
            + lines
        ) from error
    state = read_role_state(role, database)
    if state.is_powerful:
        raise TenantRoleError(
            f"The role {role} is a superuser, bypasses row-level security, creates roles, replicates, owns tables or is "
            "a member of another role. Name an unused role in TENANT_ROLE, or have a database administrator take those "
            "powers away."
        )
    if not (state.can_be_set and state.sees_schema):
        raise TenantRoleError(
            f"This login cannot switch to the role {role}. Have a database administrator run, then migrate:\n{lines}"
        )


def _create_what_is_missing(role: str, database: BaseDatabaseWrapper) -> None:
    quoted = database.ops.quote_name(role)
    with database.cursor() as cursor:
        if not read_role_state(role, database).exists:
            attributes = "NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT"
            cursor.execute(_tolerating_a_race(f"CREATE ROLE {quoted} {attributes}"))
        state = read_role_state(role, database)
        if not state.can_be_set:
            cursor.execute(_tolerating_a_race(f"GRANT {quoted} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE"))
        if not state.sees_schema:
            cursor.execute("SELECT current_schema()")
            schema = database.ops.quote_name(cursor.fetchone()[0])
            cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {quoted}")


def _tolerating_a_race(statement: str) -> str:
    """Wrap a role statement: another database's migration may do the same and win (`tuple concurrently updated`)."""
    return (
        f"DO $do$ BEGIN {statement}; "
        "EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL; END $do$"
    )
