"""Composite foreign keys: PostgreSQL checks references without row-level security, so the tenant is part of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, models, transaction

from integrations.isolation.scope import tenant_scope
from integrations.isolation.tables import tenant_foreign_keys
from integrations.models import Integration, Membership
from tests.integrations.isolation.rows import column_values, insert, insert_row, make_tenant_row
from webhooks.models import Webhook

REFERENCES = [pytest.param(model, field, id=str(field)) for model, field in tenant_foreign_keys()]


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "field"), REFERENCES)
def test_refuses_a_reference_to_another_tenants_row(model: type[models.Model], field: Any) -> None:
    mine, theirs = make_tenant_row(), make_tenant_row()
    their_row = insert_row(field.related_model, theirs)
    row = column_values(model, mine, **{field.column: their_row["id"]})

    with pytest.raises(IntegrityError, match=f"{field.column}_tenant_fk"), tenant_scope(mine):
        _insert_and_check(model, row)


@pytest.mark.django_db
@pytest.mark.parametrize(("model", "field"), REFERENCES)
def test_takes_a_reference_to_an_own_row_that_comes_later(model: type[models.Model], field: Any) -> None:
    mine = make_tenant_row()
    target = column_values(field.related_model, mine)
    row = column_values(model, mine, **{field.column: target["id"]})

    with tenant_scope(mine):
        insert(model, row)
        _insert_and_check(field.related_model, target)


def test_checks_references_at_commit(transactional_db: None) -> None:
    mine, theirs = make_tenant_row(), make_tenant_row()
    webhook = insert_row(Webhook, mine)["id"]
    their_integration = insert_row(Integration, theirs)["id"]

    with pytest.raises(IntegrityError, match="integration_id_tenant_fk"), tenant_scope(mine):
        Webhook.objects.filter(id=webhook).update(integration_id=their_integration)

    assert _integration_of(webhook) is None


@pytest.mark.django_db
def test_lets_the_collector_null_and_delete_what_refers_to_a_deleted_row() -> None:
    mine = make_tenant_row()
    membership = insert_row(Membership, mine)["id"]
    integration = insert_row(Integration, mine, owner_id=membership)["id"]
    webhook = insert_row(Webhook, mine, integration_id=integration)["id"]

    with tenant_scope(mine):
        Membership.objects.get(id=membership).delete()
        _check_now()

    assert not Integration.objects.filter(id=integration).exists()
    assert _integration_of(webhook) is None


@pytest.mark.django_db
def test_refuses_to_delete_a_row_by_sql_that_something_refers_to() -> None:
    mine = make_tenant_row()
    integration = insert_row(Integration, mine)["id"]
    insert_row(Webhook, mine, integration_id=integration)
    _check_now()  # otherwise the pending check of the new reference would fail, and not the deletion

    with pytest.raises(IntegrityError, match="integration_id_tenant_fk"), tenant_scope(mine):
        _delete_and_check("integrations_integration", integration)


def _insert_and_check(model: type[models.Model], row: dict[str, Any]) -> None:
    insert(model, row)
    _check_now()


def _delete_and_check(table: str, identifier: UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [identifier])
    _check_now()


def _check_now() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _integration_of(webhook: UUID) -> UUID | None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT integration_id FROM webhooks_webhook WHERE id = %s", [webhook])
        [(integration,)] = cursor.fetchall()
        return integration
