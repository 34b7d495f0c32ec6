"""The migration operation for tables in daily partitions."""

from __future__ import annotations

from datetime import timedelta

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from integrations.partitioning.days import today
from integrations.partitioning.partitions import list_partitions
from integrations.partitioning.statements import create_day_statements, create_default_statements

DAYS_AHEAD = 14


class CreatePartitionedModel(CreateModel):
    """`CreateModel` for a table partitioned by day on its UUIDv7 `id`.

    Makes the default partition and those of today and of the 14 days after; `make_partitions` goes on from there.
    To Django's state it is an ordinary model. Indexes are made on the parent, from where partitions get theirs.
    No foreign key may point at such a table: it would forbid dropping a partition.
    """

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        if not self.allow_migrate_model(schema_editor.connection.alias, model):
            return
        create_table = schema_editor.sql_create_table
        schema_editor.sql_create_table = f"{create_table} PARTITION BY RANGE (id)"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            schema_editor.sql_create_table = create_table
        table = model._meta.db_table
        statements = create_default_statements(table)
        for offset in range(DAYS_AHEAD + 1):
            statements += create_day_statements(table, today() + timedelta(days=offset))
        for statement in statements:
            schema_editor.execute(statement, None)

    def describe(self) -> str:
        return f"Create partitioned model {self.name}"


class SetPartitionStorage(Operation):
    """Set a storage parameter of all partitions of a table, whose default one hands it on to those that are made later.

    Rows that are there already stay as they are. Readers and writers go on meanwhile.
    """

    def __init__(self, name: str, *, fillfactor: int) -> None:
        self.name = name
        self.fillfactor = fillfactor

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing that Django knows of."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._alter(app_label, schema_editor, to_state, f"SET (fillfactor = {self.fillfactor})")

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        self._alter(app_label, schema_editor, to_state, "RESET (fillfactor)")

    def _alter(self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, state: ProjectState, change: str) -> None:
        for partition in list_partitions(state.apps.get_model(app_label, self.name)):
            schema_editor.execute(f"ALTER TABLE {schema_editor.quote_name(partition.name)} {change}", None)

    def describe(self) -> str:
        return f"Fill pages of {self.name} to {self.fillfactor} %"
