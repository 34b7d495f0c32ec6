from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import ActivityLog, Tenant


def test_records_a_row_by_kind_id_and_name(tenant: Tenant, admin_actor: Actor) -> None:
    record_activity(
        actor=admin_actor,
        verb="tenant.updated",
        target=tenant,
        tenant_id=tenant.id,
        changed_fields=["name", "is_active", "name"],
        detail="by hand",
    )

    entry = ActivityLog.objects.first()
    assert entry is not None
    assert (entry.object_kind, entry.object_id, entry.object_name) == ("tenant", tenant.id, "Acme")
    assert (entry.verb, entry.changed_fields, entry.detail) == ("tenant.updated", ["is_active", "name"], "by hand")
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("user", admin_actor.id, "ada")


def test_records_something_that_has_no_row(tenant: Tenant) -> None:
    gone = uuid7()

    record_activity(
        actor=Actor.system("sweep"),
        verb="webhook.deleted",
        tenant_id=tenant.id,
        object_kind="webhook",
        object_id=gone,
        object_name="order_created",
    )

    entry = ActivityLog.objects.first()
    assert entry is not None
    assert (entry.object_kind, entry.object_id, entry.object_name) == ("webhook", gone, "order_created")
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("system", None, "sweep")


def test_refuses_an_entry_about_nothing(db: None) -> None:
    with pytest.raises(ValueError, match="object_kind"):
        record_activity(actor=Actor.system(), verb="nothing.done", tenant_id=None)


def test_cuts_names_and_details_to_their_columns(db: None) -> None:
    entry = record_activity(
        actor=Actor.system("x" * 300),
        verb="test.done",
        tenant_id=None,
        object_kind="test",
        object_name="y" * 300,
        detail="z" * 600,
    )

    entry.refresh_from_db()
    assert (len(entry.actor_name), len(entry.object_name), len(entry.detail)) == (254, 254, 500)


def test_is_written_under_the_tenants_role(tenant: Tenant, admin_actor: Actor) -> None:
    with tenant_scope(tenant):
        entry = record_activity(actor=admin_actor, verb="test.done", target=tenant, tenant_id=tenant.id)

    assert ActivityLog.objects.filter(id=entry.id).exists()


def test_is_not_written_for_another_tenant_under_a_tenants_role(
    tenant: Tenant, other_tenant: Tenant, admin_actor: Actor
) -> None:
    with pytest.raises(DatabaseError, match="row-level security"), tenant_scope(tenant):
        record_activity(actor=admin_actor, verb="test.done", target=other_tenant, tenant_id=other_tenant.id)


def test_vanishes_with_the_deed_that_was_rolled_back(tenant: Tenant, admin_actor: Actor) -> None:
    before = ActivityLog.objects.count()

    with transaction.atomic():
        record_activity(actor=admin_actor, verb="test.done", target=tenant, tenant_id=tenant.id)
        transaction.set_rollback(True)

    assert ActivityLog.objects.count() == before
