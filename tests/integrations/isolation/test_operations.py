"""The migration operations, forwards and backwards, on tables of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from integrations.isolation.operations import CreateTenantRole, IsolateTenantTable, TenantForeignKey
from integrations.partitioning.operations import CreatePartitionedModel

pytestmark = pytest.mark.django_db

ISOLATION = [
    IsolateTenantTable("Parent", referenced=True),
    IsolateTenantTable("Child", privileges=["SELECT", "UPDATE (name)"]),
    TenantForeignKey("Child", "parent"),
]


def test_isolates_a_table_and_takes_the_isolation_back() -> None:
    with _two_tables() as (state, editor):
        _forwards(ISOLATION, state, editor)
        assert _privileges("isolated_parent") == ["DELETE", "INSERT", "SELECT", "UPDATE"]
        assert _privileges("isolated_child") == ["SELECT"]
        assert _constraints() == ["isolated_child_parent_id_tenant_fk", "isolated_parent_tenant_id_unique"]
        assert _secured() == ["isolated_child", "isolated_parent"]

        for operation in reversed(ISOLATION):
            operation.database_backwards("webhooks", editor, state, state)
        assert _privileges("isolated_parent") == _privileges("isolated_child") == []
        assert _constraints() == []
        assert _secured() == []


def test_changes_nothing_of_djangos_state() -> None:
    state = ProjectState()
    for operation in [CreateTenantRole(), *ISOLATION]:
        operation.state_forwards("webhooks", state)
        assert operation.reversible

    assert state == ProjectState()


def test_can_be_written_into_a_migration_again() -> None:
    name, positional, named = IsolateTenantTable("Child", privileges=["SELECT"]).deconstruct()

    assert (name, positional, named) == ("IsolateTenantTable", ("Child",), {"privileges": ["SELECT"]})


def test_keeps_the_role_when_the_migration_goes_backwards() -> None:
    state = ProjectState()
    with connection.schema_editor() as editor:
        CreateTenantRole().database_backwards("integrations", editor, state, state)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [settings.TENANT_ROLE])
        assert cursor.fetchone() == (1,)


def test_creates_a_partitioned_table_whose_partitions_are_dropped_with_it() -> None:
    operation = CreatePartitionedModel(
        name="Grown",
        fields=[("id", models.UUIDField(primary_key=True)), ("tenant_id", models.UUIDField())],
        options={"db_table": "isolated_grown", "indexes": [models.Index(fields=["tenant_id"], name="grown_tenant")]},
    )
    before, after = ProjectState(), ProjectState()
    operation.state_forwards("webhooks", after)
    with connection.schema_editor() as editor:
        operation.database_forwards("webhooks", editor, before, after)
    assert _partitions_and_indexes("isolated_grown") == (16, 16)

    with connection.schema_editor() as editor:
        operation.database_backwards("webhooks", editor, after, before)
    assert _partitions_and_indexes("isolated_grown") == (0, 0)


@pytest.mark.parametrize("room", ["integrations", "webhooks", "analytics"])
def test_shows_its_sql_without_running_it(room: str) -> None:
    shown = StringIO()
    call_command("sqlmigrate", room, "0002", stdout=shown)

    assert "ENABLE ROW LEVEL SECURITY" in shown.getvalue()
    assert f'TO "{settings.TENANT_ROLE}"' in shown.getvalue()


def test_migrations_hold_what_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@contextmanager
def _two_tables() -> Iterator[tuple[ProjectState, BaseDatabaseSchemaEditor]]:
    state, empty = ProjectState(), ProjectState()
    common: list[tuple[str, Any]] = [("id", models.UUIDField(primary_key=True)), ("tenant_id", models.UUIDField())]
    parent = models.ForeignKey("webhooks.Parent", on_delete=models.CASCADE, db_constraint=False)
    operations = [
        migrations.CreateModel("Parent", [*common], options={"db_table": "isolated_parent"}),
        migrations.CreateModel(
            "Child",
            [*common, ("name", models.TextField()), ("parent", parent)],
            options={"db_table": "isolated_child"},
        ),
    ]
    for operation in operations:
        operation.state_forwards("webhooks", state)
    with connection.schema_editor() as editor:
        for operation in operations:
            operation.database_forwards("webhooks", editor, empty, state)
        yield state, editor


def _forwards(operations: Sequence[Operation], state: ProjectState, editor: BaseDatabaseSchemaEditor) -> None:
    for operation in operations:
        operation.database_forwards("webhooks", editor, state, state)


def _column(sql: str, *parameters: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]


def _privileges(table: str) -> list[str]:
    return _column(
        "SELECT privilege_type FROM information_schema.role_table_grants"
        " WHERE table_name = %s AND grantee = %s ORDER BY 1",
        table,
        settings.TENANT_ROLE,
    )


def _constraints() -> list[str]:
    return _column(
        "SELECT conname::text FROM pg_constraint WHERE conname LIKE 'isolated%%' AND contype IN ('u', 'f') ORDER BY 1"
    )


def _secured() -> list[str]:
    return _column("SELECT relname::text FROM pg_class WHERE relrowsecurity AND relname LIKE 'isolated%%' ORDER BY 1")


def _partitions_and_indexes(table: str) -> tuple[int, int]:
    partitions = _column(
        "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND relname LIKE %s", f"{table}%"
    )
    indexes = _column(
        "SELECT indexname FROM pg_indexes WHERE tablename LIKE %s AND indexname LIKE %s", f"{table}_%", "%tenant_id_idx"
    )
    return len(partitions), len(indexes)
