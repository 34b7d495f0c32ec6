"""Migration operations by which tenant tables are born isolated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState

from integrations.isolation.role import ensure_tenant_role
from integrations.isolation.tables import (
    POLICY,
    TENANT_COLUMN,
    TENANT_EXPRESSION,
    foreign_key_name,
    unique_name,
)

ALL_PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE")


class DatabaseOperation(Operation):
    """An operation that changes the database and nothing of Django's state."""

    reversible = True
    category = OperationCategory.SQL

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        pass


class CreateTenantRole(DatabaseOperation):
    """Create the role of settings.TENANT_ROLE and let the login switch to it.

    Stops with the SQL lines for a database administrator when the login may not create roles. Going backwards keeps
    the role: it belongs to the server, and other databases may use it.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if not schema_editor.collect_sql:
            ensure_tenant_role(settings.TENANT_ROLE, schema_editor.connection)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        pass

    def describe(self) -> str:
        return "Create the role of tenants"


class IsolateTenantTable(DatabaseOperation):
    """Put a table under row-level security and grant the tenant role what its services need.

    `tenant_column` is the column that names the tenant (`id` for the tenants' own table). `privileges` are GRANT
    privileges, possibly of columns: `UPDATE (column)`. `referenced` adds `UNIQUE (tenant_id, id)`, the target of
    `TenantForeignKey`. Of a partitioned table only the parent is granted: a partition read directly would show all
    tenants' rows, as policies belong to the table that is named in the query.
    """

    def __init__(
        self,
        model_name: str,
        *,
        tenant_column: str = TENANT_COLUMN,
        privileges: Sequence[str] = ALL_PRIVILEGES,
        referenced: bool = False,
    ) -> None:
        self.model_name = model_name
        self.tenant_column = tenant_column
        self.privileges = tuple(privileges)
        self.referenced = referenced

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = _table(to_state, app_label, self.model_name)
        quote = schema_editor.quote_name
        if self.referenced:
            _run(
                schema_editor,
                f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(unique_name(table))}"
                f" UNIQUE ({quote(TENANT_COLUMN)}, id)",
            )
        _run(
            schema_editor,
            f"ALTER TABLE {quote(table)} ENABLE ROW LEVEL SECURITY",
            f"CREATE POLICY {POLICY} ON {quote(table)} USING ({quote(self.tenant_column)} = {TENANT_EXPRESSION})",
            f"GRANT {', '.join(self.privileges)} ON {quote(table)} TO {quote(settings.TENANT_ROLE)}",
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = _table(from_state, app_label, self.model_name)
        quote = schema_editor.quote_name
        _run(
            schema_editor,
            f"REVOKE {', '.join(self.privileges)} ON {quote(table)} FROM {quote(settings.TENANT_ROLE)}",
            f"DROP POLICY {POLICY} ON {quote(table)}",
            f"ALTER TABLE {quote(table)} DISABLE ROW LEVEL SECURITY",
        )
        if self.referenced:
            _run(schema_editor, f"ALTER TABLE {quote(table)} DROP CONSTRAINT {quote(unique_name(table))}")

    def describe(self) -> str:
        return f"Isolate the tenants in {self.model_name}"


class TenantForeignKey(DatabaseOperation):
    """Make a reference between two tenant tables a composite one: `(tenant_id, x_id)` to `(tenant_id, id)`.

    PostgreSQL checks foreign keys without row-level security, so that a plain one would let a tenant point at another
    tenant's row. The Django field has `db_constraint=False`. The key is checked at commit and does nothing on delete,
    like Django's own: the collector deletes, or nulls, the referring rows itself. The referenced table needs
    `IsolateTenantTable(referenced=True)` before.
    """

    def __init__(self, model_name: str, field_name: str) -> None:
        self.model_name = model_name
        self.field_name = field_name

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table, column, target = self._names(to_state, app_label)
        quote = schema_editor.quote_name
        _run(
            schema_editor,
            f"ALTER TABLE {quote(table)} ADD CONSTRAINT {quote(foreign_key_name(table, column))}"
            f" FOREIGN KEY ({quote(TENANT_COLUMN)}, {quote(column)})"
            f" REFERENCES {quote(target)} ({quote(TENANT_COLUMN)}, id) DEFERRABLE INITIALLY DEFERRED",
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table, column, _ = self._names(from_state, app_label)
        quote = schema_editor.quote_name
        _run(schema_editor, f"ALTER TABLE {quote(table)} DROP CONSTRAINT {quote(foreign_key_name(table, column))}")

    def describe(self) -> str:
        return f"Bind {self.model_name}.{self.field_name} to its own tenant"

    def _names(self, state: ProjectState, app_label: str) -> tuple[str, str, str]:
        model = state.apps.get_model(app_label, self.model_name)
        field: Any = model._meta.get_field(self.field_name)
        return model._meta.db_table, field.column, field.related_model._meta.db_table


def _table(state: ProjectState, app_label: str, model_name: str) -> str:
    return str(state.apps.get_model(app_label, model_name)._meta.db_table)


def _run(schema_editor: BaseDatabaseSchemaEditor, *statements: str) -> None:
    for statement in statements:
        schema_editor.execute(statement, None)
