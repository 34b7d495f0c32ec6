"""Every tenant table, one by one, by raw SQL under the tenant role: whatever a query forgets, the database knows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.conf import settings
from django.db import ProgrammingError, connection, models, transaction
from psycopg.errors import FeatureNotSupported, InsufficientPrivilege

from integrations.isolation.scope import tenant_scope
from integrations.isolation.tables import tenant_column, tenant_models
from integrations.models import ActivityLog, DataKey, Tenant
from tests.integrations.isolation.rows import column_values, insert, insert_row, make_tenant_row

ROOMS = {"integrations", "webhooks", "analytics"}
PLATFORM_TABLES = {
    "integrations_datakeyrotation",
    "integrations_processheartbeat",
    "integrations_recoverycode",
    "integrations_refreshsession",
    "integrations_staffdevice",
    "integrations_user",
    "integrations_user_groups",
    "integrations_user_user_permissions",
    "webhooks_engine",
}
TENANT_MODELS = [pytest.param(model, id=model._meta.label) for model in tenant_models()]

pytestmark = pytest.mark.django_db


def test_every_table_is_a_tenants_or_listed_as_the_platforms() -> None:
    tables = {
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in ROOMS and tenant_column(model) is None
    }

    assert tables == PLATFORM_TABLES


@pytest.mark.parametrize("model", TENANT_MODELS)
def test_shows_no_row_of_another_tenant(model: type[models.Model]) -> None:
    mine, theirs = _a_row_each(model)

    with tenant_scope(mine):
        assert _tenants_in(model) == [mine]
    with tenant_scope(theirs):
        assert _tenants_in(model) == [theirs]


@pytest.mark.parametrize("model", TENANT_MODELS)
def test_shows_no_row_when_no_tenant_is_set(model: type[models.Model]) -> None:
    _a_row_each(model)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('role', %s, true)", [settings.TENANT_ROLE])
        tenants = _tenants_in(model)
        cursor.execute("SELECT set_config('role', 'none', true)")

    assert tenants == []


@pytest.mark.parametrize("model", TENANT_MODELS)
def test_takes_no_row_for_another_tenant(model: type[models.Model]) -> None:
    mine, theirs = make_tenant_row(), make_tenant_row()
    row = column_values(model, theirs)

    with tenant_scope(mine), _refused():
        insert(model, row)


@pytest.mark.parametrize("statement", ["UPDATE {table} SET {column} = {column}", "DELETE FROM {table}"])
@pytest.mark.parametrize("model", TENANT_MODELS)
def test_changes_no_row_of_another_tenant(model: type[models.Model], statement: str) -> None:
    mine, theirs = _a_row_each(model)
    sql = statement.format(table=model._meta.db_table, column=tenant_column(model))

    with tenant_scope(mine):
        changed = _rows_changed_or_none_when_refused(f"{sql} WHERE {tenant_column(model)} = %s", theirs)

    assert changed in {0, None}
    assert theirs in _tenants_in(model)


@pytest.mark.parametrize("model", TENANT_MODELS)
def test_gives_no_row_away_to_another_tenant(model: type[models.Model]) -> None:
    mine, theirs = _a_row_each(model)

    with tenant_scope(mine), _refused():
        _execute(f"UPDATE {model._meta.db_table} SET {tenant_column(model)} = %s", theirs)


@pytest.mark.parametrize("table", sorted(PLATFORM_TABLES | {"django_session", "auth_group", "django_admin_log"}))
def test_refuses_the_platforms_tables(table: str) -> None:
    with tenant_scope(make_tenant_row()), _refused():
        _execute(f"SELECT 1 FROM {table}")


def test_refuses_to_copy_into_a_tenant_table() -> None:
    # Why accepting inserts from unnest(), and only the engine copies: as the owner.
    with pytest.raises(FeatureNotSupported), tenant_scope(make_tenant_row()), connection.cursor() as cursor:
        cursor.copy("COPY webhooks_due FROM STDIN").__enter__()


def test_lets_a_tenant_lock_its_data_key_and_change_nothing_of_it() -> None:
    tenant_id = make_tenant_row()
    insert_row(DataKey, tenant_id)

    with tenant_scope(tenant_id):
        assert len(_execute("SELECT id FROM integrations_datakey FOR SHARE")) == 1
        with _refused():
            _execute("UPDATE integrations_datakey SET wrapped_key = ''")


def test_hides_the_platforms_data_key_and_activity_from_tenants() -> None:
    tenant_id = make_tenant_row()
    insert_row(DataKey, None)
    insert_row(ActivityLog, None)

    with tenant_scope(tenant_id):
        assert _execute("SELECT id FROM integrations_datakey") == []
        assert _execute("SELECT id FROM integrations_activitylog") == []


def test_refuses_a_tenant_to_change_its_own_tenant_row() -> None:
    tenant_id = make_tenant_row()

    with tenant_scope(tenant_id):
        assert Tenant.objects.get().id == tenant_id
        with _refused():
            _execute("UPDATE integrations_tenant SET is_active = true")


@pytest.mark.parametrize("table", ["webhooks_event", "webhooks_payload", "webhooks_delivery", "analytics_webhookcall"])
def test_refuses_partitions_named_directly(table: str) -> None:
    with tenant_scope(make_tenant_row()), _refused():
        _execute(f"SELECT 1 FROM {table}_default")


@pytest.mark.parametrize(
    ("table", "index"),
    [
        ("integrations_integration", "integrations_integration_tenant_id"),
        ("webhooks_webhook", "webhooks_webhook_tenant_id"),
        ("webhooks_due", "due_by_target"),
        ("analytics_webhookcall", "_tenant_id_id_idx"),
    ],
)
def test_finds_a_tenants_rows_by_index_under_the_policy(table: str, index: str) -> None:
    where = {
        "webhooks_due": "WHERE lease_by IS NULL",
        "analytics_webhookcall": "ORDER BY id DESC LIMIT 5",
    }.get(table, "")
    with tenant_scope(make_tenant_row()):
        _execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(line for (line,) in _execute(f"EXPLAIN SELECT * FROM {table} {where}"))

    assert "InitPlan" in plan
    assert index in plan
    assert "Index Cond: " in plan
    assert "(tenant_id = " in plan.partition("Index Cond: ")[2].splitlines()[0]


def _a_row_each(model: type[models.Model]) -> tuple[UUID, UUID]:
    mine, theirs = make_tenant_row(), make_tenant_row()
    if model is not Tenant:
        insert_row(model, mine)
        insert_row(model, theirs)
    return mine, theirs


def _tenants_in(model: type[models.Model]) -> list[UUID]:
    return [row[0] for row in _execute(f"SELECT {tenant_column(model)} FROM {model._meta.db_table}")]


def _execute(sql: str, *parameters: UUID) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def _rows_changed_or_none_when_refused(sql: str, *parameters: UUID) -> int | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return cursor.rowcount
    except ProgrammingError as error:
        if not isinstance(error.__cause__, InsufficientPrivilege):
            raise
        return None


@contextmanager
def _refused() -> Iterator[None]:
    with pytest.raises(ProgrammingError) as refusal, transaction.atomic():
        yield
    assert isinstance(refusal.value.__cause__, InsufficientPrivilege)
