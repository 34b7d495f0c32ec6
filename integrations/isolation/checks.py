"""System checks: what keeps tenants apart is really in the database.

They look at a database that has all migrations; `migrate` itself checks before it applies the missing ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from integrations.isolation.role import administrator_lines, read_role_state
from integrations.isolation.tables import (
    POLICY,
    TENANT_COLUMN,
    TENANT_SETTING,
    foreign_key_name,
    tables_without_tenant,
    tenant_column,
    tenant_foreign_keys,
    tenant_models,
)


@register(Tags.models)
def check_foreign_keys_are_declared(**_options: Any) -> list[CheckMessage]:
    """Report foreign keys between tenant tables that PostgreSQL would check across tenants."""
    return [
        Error(
            f"{field} refers from one tenant table to another by its id alone.",
            hint="Set db_constraint=False and add the migration operation TenantForeignKey: PostgreSQL checks foreign "
            "keys without row-level security, so that a tenant could point at another tenant's row.",
            obj=model,
            id="integrations.E010",
        )
        for model, field in tenant_foreign_keys()
        if field.db_constraint
    ]


@register(Tags.models)
def check_tables_name_their_tenant(**_options: Any) -> list[CheckMessage]:
    """Report tables that hang on a tenant's rows and have no column for a policy to compare: no policy, no isolation."""
    return [
        Error(
            f"{model._meta.label} refers to the tenant table {related._meta.db_table} and has no {TENANT_COLUMN}.",
            hint=f"Give it a {TENANT_COLUMN} and the migration operation IsolateTenantTable. Instead of a ManyToManyField "
            "declare the table between the two as a model, and name it in `through`.",
            obj=model,
            id="integrations.E011",
        )
        for model, related in tables_without_tenant()
    ]


@register(Tags.database)
def check_isolation(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    """Report a tenant role, table, foreign key or grant that would let one tenant see another's rows."""
    if "default" not in (databases or ()) or _has_unapplied_migrations():
        return []
    return [
        *_check_login(),
        *_check_role(),
        *_check_tables(),
        *_check_foreign_keys(),
        *_check_grants(),
        *_check_defaults(),
    ]


def _has_unapplied_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _check_login() -> Iterator[CheckMessage]:
    [(is_superuser,)] = _rows("SELECT rolsuper FROM pg_roles WHERE rolname = session_user")
    if is_superuser and settings.ENVIRONMENT == "production":
        yield Warning(
            "The database login is a superuser.",
            hint="Give DATABASE_URL an ordinary login that owns the database: a mistake in a query then stays in it.",
            id="integrations.W011",
        )


def _check_role() -> Iterator[CheckMessage]:
    role = settings.TENANT_ROLE
    state = read_role_state(role)
    if not state.exists:
        yield Error(
            f"The database has no role {role}.",
            hint=f"Have a database administrator run, and before restoring a dump, which holds its grants:\n"
            f"{administrator_lines(role)}",
            id="integrations.E012",
        )
        return
    if not (state.can_be_set and state.sees_schema):
        yield Error(
            f"The database login cannot switch to the role {role}, or the role cannot use the schema.",
            hint=f"Have a database administrator run:\n{administrator_lines(role)}",
            id="integrations.E013",
        )
    if state.is_powerful:
        yield Error(
            f"The role {role} is a superuser, bypasses row-level security, creates roles, replicates, owns tables or is "
            "a member of a role.",
            hint=f"ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOREPLICATION; REASSIGN what it owns, and "
            "REVOKE the roles it is a member of.",
            id="integrations.E014",
        )


def _check_tables() -> Iterator[CheckMessage]:
    isolated = {table: (enabled, policies) for table, enabled, policies in _rows(_ISOLATION, [TENANT_SETTING])}
    for model in tenant_models():
        enabled, policies = isolated.get(model._meta.db_table, (False, []))
        expected = f"({tenant_column(model)} = "
        is_sound = len(policies) == 1 and policies[0].startswith(f"{POLICY} {expected}")
        if not (enabled and is_sound):
            yield Error(
                f"{model._meta.db_table} is not isolated: it needs row-level security and the policy {POLICY} alone.",
                hint=f'Add the migration operation IsolateTenantTable("{model.__name__}").',
                obj=model,
                id="integrations.E015",
            )


def _check_foreign_keys() -> Iterator[CheckMessage]:
    existing = {tuple(row) for row in _rows(_FOREIGN_KEYS)}
    for model, field in tenant_foreign_keys():
        wanted = (
            model._meta.db_table,
            foreign_key_name(model._meta.db_table, field.column),
            f"{TENANT_COLUMN},{field.column}",
            field.related_model._meta.db_table,
            f"{TENANT_COLUMN},id",
        )
        if wanted not in existing:
            yield Error(
                f"{field} has no composite foreign key: a tenant could point at another tenant's row.",
                hint=f'Add the migration operation TenantForeignKey("{model.__name__}", "{field.name}").',
                obj=model,
                id="integrations.E016",
            )


def _check_grants() -> Iterator[CheckMessage]:
    role = settings.TENANT_ROLE
    tenant_tables = {model._meta.db_table for model in tenant_models()}
    grants = _rows(_GRANTS, [role])
    unreadable = [table for table, may_read, _ in grants if table in tenant_tables and not may_read]
    if unreadable:
        yield Error(
            f"The role {role} may not read {', '.join(unreadable)}: services that open a tenant's scope fail.",
            hint="A dump that was restored before the role existed lost its grants: create the role, then restore.",
            id="integrations.E018",
        )
    for table, _, may_anything in grants:
        if may_anything and table not in tenant_tables:
            yield Error(
                f"The role {role} may use {table}, where no policy keeps tenants apart.",
                hint=f"REVOKE ALL ON {table} FROM {role}, PUBLIC; and undo any ALTER DEFAULT PRIVILEGES.",
                id="integrations.E017",
            )


def _check_defaults() -> Iterator[CheckMessage]:
    role = settings.TENANT_ROLE
    for owner, grantee in _rows(_DEFAULT_PRIVILEGES, [role]):
        yield Error(
            f"Tables that {owner} makes from now on, partitions among them, are granted to {grantee} by default.",
            hint=f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} REVOKE ALL ON TABLES FROM {grantee}; (add IN SCHEMA … where "
            "it was given so). Migrations grant what the role needs.",
            id="integrations.E019",
        )


def _rows(sql: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


# A policy counts when it holds for every command, restricts by the setting, and adds no condition for new rows.
_ISOLATION = """
SELECT relname, relrowsecurity, coalesce(array_agg(
           CASE WHEN polcmd = '*' AND polpermissive AND polwithcheck IS NULL
                     AND pg_get_expr(polqual, polrelid) LIKE '%%current_setting(''' || %s || '''%%'
                THEN polname || ' ' || pg_get_expr(polqual, polrelid) ELSE polname::text END
       ) FILTER (WHERE polname IS NOT NULL), '{}')
  FROM pg_class LEFT JOIN pg_policy ON polrelid = pg_class.oid
 WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
 GROUP BY relname, relrowsecurity
"""
_FOREIGN_KEYS = """
SELECT child.relname, conname,
       (SELECT string_agg(attname, ',' ORDER BY position) FROM unnest(conkey) WITH ORDINALITY AS k(number, position)
          JOIN pg_attribute ON attrelid = conrelid AND attnum = number),
       parent.relname,
       (SELECT string_agg(attname, ',' ORDER BY position) FROM unnest(confkey) WITH ORDINALITY AS k(number, position)
          JOIN pg_attribute ON attrelid = confrelid AND attnum = number)
  FROM pg_constraint JOIN pg_class child ON child.oid = conrelid JOIN pg_class parent ON parent.oid = confrelid
 WHERE contype = 'f' AND convalidated AND connamespace = current_schema()::regnamespace
"""
# Partitions are tables of their own here, to which the policies of their parent do not apply. Views run as their owner.
# What an extension brought is its own business.
_GRANTS = """
SELECT relname, has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT'),
       has_table_privilege(pg_roles.oid, pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
       OR has_any_column_privilege(pg_roles.oid, pg_class.oid, 'SELECT, INSERT, UPDATE')
  FROM pg_class JOIN pg_roles ON rolname = %s
 WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
   AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
 ORDER BY relname
"""
_DEFAULT_PRIVILEGES = """
SELECT DISTINCT defaclrole::regrole::text, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END
  FROM pg_default_acl CROSS JOIN aclexplode(defaclacl)
 WHERE defaclobjtype = 'r' AND (grantee = 0 OR grantee = (SELECT oid FROM pg_roles WHERE rolname = %s))
   AND (defaclnamespace = 0 OR defaclnamespace = current_schema()::regnamespace)
 ORDER BY 1, 2
"""
