from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis
import time_machine
from celery import current_app
from django.conf import settings as django_settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from config.redis_address import redis_py_url
from integrations.activity.actor import Actor
from integrations.encryption.data_keys import active_cipher
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.models import DataKey, DataKeyState
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import ActivityLog, Membership, Tenant, User
from integrations.queue import request_sweep
from integrations.services.tenants import (
    STRAGGLERS_ARRIVE_FOR,
    create_tenant,
    delete_tenant,
    sweep_deleted_tenants,
    update_tenant,
)
from integrations.tasks import sweep_deleted_tenants_task
from tests.integrations.services import recording_owner
from tests.integrations.services.recording_owner import RecordingOwner


@pytest.fixture
def owner(settings: Settings) -> RecordingOwner:
    """Put a recording owner before this room's own; other rooms stay out of these tests."""
    settings.TENANT_DATA_OWNERS = [f"{recording_owner.__name__}.owner", "integrations.tenant_data.owner"]
    recording_owner.owner.forget()
    return recording_owner.owner


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.01)


def verbs() -> list[str]:
    return list(ActivityLog.objects.order_by("id").values_list("verb", flat=True))


# --- Creating ---------------------------------------------------------------------------------------------------------


def test_creates_a_tenant_with_its_data_key_and_an_entry(admin_actor: Actor) -> None:
    tenant = create_tenant(actor=admin_actor, name="Acme GmbH", slug="acme")

    stored = Tenant.objects.get()
    assert (stored.id, stored.name, stored.slug, stored.is_active) == (tenant.id, "Acme GmbH", "acme", True)
    assert DataKey.objects.get(tenant=tenant).state == DataKeyState.ACTIVE
    entry = ActivityLog.objects.get()
    assert (entry.verb, entry.object_kind, entry.object_id, entry.object_name, entry.tenant_id, entry.actor_name) == (
        "tenant.created", "tenant", tenant.id, "Acme GmbH", tenant.id, "ada",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "slug", "fields"),
    [
        ("", "acme", ["name"]),
        ("x" * 201, "acme", ["name"]),
        ("Acme", "", ["slug"]),
        ("Acme", "Acme", ["slug"]),
        ("Acme", "acme_x", ["slug"]),
        ("Acme", "-acme", ["slug"]),
        ("Acme", "acme-", ["slug"]),
        ("Acme", "acme\n", ["slug"]),
        ("Acme", "a" * 64, ["slug"]),
        ("Acme", "0" * 32, ["slug"]),
        ("Acme", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e", ["slug"]),
        ("", "", ["name", "slug"]),
    ],
)
def test_refuses_wrong_names_and_slugs(admin_actor: Actor, name: str, slug: str, fields: list[str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        create_tenant(actor=admin_actor, name=name, slug=slug)

    assert sorted(caught.value.errors) == fields
    assert not Tenant.objects.exists()


@pytest.mark.parametrize("slug", ["a", "0", "a-b", "a" * 63, "2026"])
def test_accepts_every_slug_of_the_pattern(admin_actor: Actor, slug: str) -> None:
    assert create_tenant(actor=admin_actor, name="Acme", slug=slug).slug == slug


def test_refuses_a_slug_that_is_taken_and_stores_nothing(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(ConflictError, match="Another tenant has the slug acme"):
        create_tenant(actor=admin_actor, name="Second", slug="acme")

    assert Tenant.objects.count() == DataKey.objects.exclude(tenant=None).count() == 1
    assert verbs() == ["tenant.created"]


# --- Changing ---------------------------------------------------------------------------------------------------------


def test_changes_fields_and_names_them(tenant: Tenant, admin_actor: Actor) -> None:
    changed = update_tenant(actor=admin_actor, tenant=tenant, name="Acme AG", is_active=False)

    stored = Tenant.objects.get()
    assert (stored.name, stored.is_active, stored.slug) == ("Acme AG", False, "acme")
    assert changed.updated_at == stored.updated_at > tenant.updated_at
    assert ActivityLog.objects.first().changed_fields == ["is_active", "name"]  # type: ignore[union-attr]


def test_writes_nothing_when_nothing_changes(tenant: Tenant, admin_actor: Actor) -> None:
    update_tenant(actor=admin_actor, tenant=tenant, name="Acme", is_active=True)
    update_tenant(actor=admin_actor, tenant=tenant)

    assert verbs() == ["tenant.created"]
    assert Tenant.objects.get().updated_at == tenant.updated_at


def test_keeps_what_somebody_else_changed_meanwhile(tenant: Tenant, admin_actor: Actor) -> None:
    Tenant.objects.update(name="Changed elsewhere")

    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)

    assert Tenant.objects.get().name == "Changed elsewhere"


def test_refuses_a_wrong_name_and_keeps_the_old(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError):
        update_tenant(actor=admin_actor, tenant=tenant, name="", is_active=False)

    assert Tenant.objects.get().is_active


def test_refuses_to_change_a_deleted_tenant(tenant: Tenant, admin_actor: Actor, owner: RecordingOwner) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)

    with pytest.raises(NotFoundError):
        update_tenant(actor=admin_actor, tenant=tenant, name="Back")


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_deletes_at_once_by_hiding_stopping_and_destroying_the_key(
    tenant: Tenant, admin_actor: Actor, owner: RecordingOwner
) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)

    assert not Tenant.objects.existing().exists()
    assert owner.calls == [("stop", tenant.id)]
    assert owner.was_in_transaction
    key = DataKey.objects.get(tenant_id=tenant.id)
    assert (key.state, key.wrapped_key) == (DataKeyState.DESTROYED, "")
    with pytest.raises(KeyNotAtHandError), transaction.atomic():
        active_cipher(tenant.id)


def test_records_a_deletion_as_the_platforms(tenant: Tenant, admin_actor: Actor, owner: RecordingOwner) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)

    entry = ActivityLog.objects.get(verb="tenant.deleted")
    assert (entry.tenant_id, entry.object_id, entry.object_name) == (None, tenant.id, "Acme")


def test_deletes_nothing_when_an_owner_cannot_stop(tenant: Tenant, admin_actor: Actor, owner: RecordingOwner) -> None:
    owner.error = DatabaseError("lock timeout")

    with pytest.raises(DatabaseError):
        delete_tenant(actor=admin_actor, tenant=tenant)

    assert Tenant.objects.existing().get() == tenant
    assert DataKey.objects.get(tenant=tenant).state == DataKeyState.ACTIVE
    assert verbs() == ["tenant.created"]


def test_frees_the_slug_of_a_deleted_tenant(tenant: Tenant, admin_actor: Actor, owner: RecordingOwner) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)

    assert create_tenant(actor=admin_actor, name="Next", slug="acme").id != tenant.id


def test_refuses_to_delete_twice(tenant: Tenant, admin_actor: Actor, owner: RecordingOwner) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)

    with pytest.raises(NotFoundError):
        delete_tenant(actor=admin_actor, tenant=tenant)

    assert verbs().count("tenant.deleted") == 1


def test_asks_for_a_sweep_once_the_deletion_is_committed(
    tenant: Tenant,
    admin_actor: Actor,
    owner: RecordingOwner,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        delete_tenant(actor=admin_actor, tenant=tenant)

    assert request_sweep in callbacks


@pytest.mark.django_db(transaction=True)
def test_waits_for_a_writer_that_holds_the_data_key_and_does_not_deadlock(
    tenant: Tenant, admin_actor: Actor, owner: RecordingOwner
) -> None:
    """The writer locks the key first and checks its foreign key on the tenant later."""
    user = User.objects.create_user("mia")
    deletion = threading.Thread(target=_in_thread, args=(lambda: delete_tenant(actor=admin_actor, tenant=tenant),))

    with tenant_scope(tenant):
        active_cipher(tenant.id)
        deletion.start()
        wait_until(lambda: _waiting_for_locks() == 1)
        Membership.objects.create(tenant=tenant, user=user)
    deletion.join(timeout=10)

    assert not deletion.is_alive()
    assert not Tenant.objects.existing().exists()
    assert Membership.objects.count() == 1


def _in_thread(work: Callable[[], object]) -> None:
    try:
        work()
    finally:
        connection.close()


def _waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        # The owner of both connections may see this under the tenant's role, too.
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])


# --- Sweeping ---------------------------------------------------------------------------------------------------------


def test_sweeps_rows_but_keeps_the_tenants_own_row_for_stragglers(
    tenant: Tenant, other_tenant: Tenant, admin_actor: Actor, owner: RecordingOwner
) -> None:
    Membership.objects.create(tenant=tenant, user=User.objects.create_user("mia"))
    Membership.objects.create(tenant=other_tenant, user=User.objects.create_user("max"))
    delete_tenant(actor=admin_actor, tenant=tenant)

    removed = sweep_deleted_tenants()

    assert {table: rows for table, rows in removed.items() if rows} == {
        "recorded": 2,
        "integrations_membership": 1,
        "integrations_activitylog": 1,
        "integrations_datakey": 1,
    }
    assert list(Tenant.objects.exclude(deleted_at=None)) == [tenant]
    assert [membership.tenant for membership in Membership.objects.all()] == [other_tenant]
    assert ActivityLog.objects.filter(tenant_id=other_tenant.id).exists()
    assert ActivityLog.objects.filter(verb="tenant.deleted").exists()


def test_removes_the_tenant_itself_after_the_longest_timeout(
    tenant: Tenant, admin_actor: Actor, owner: RecordingOwner
) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)
    sweep_deleted_tenants()
    Membership.objects.create(tenant=tenant, user=User.objects.create_user("straggler"))

    with time_machine.travel(timezone.now() + STRAGGLERS_ARRIVE_FOR + timedelta(seconds=1)):
        removed = sweep_deleted_tenants()

    assert (removed["integrations_membership"], removed["integrations_tenant"]) == (1, 1)
    assert not Tenant.objects.exists()
    assert not Membership.objects.exists()


def test_sweeping_again_changes_nothing(tenant: Tenant, admin_actor: Actor, owner: RecordingOwner) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)
    with time_machine.travel(timezone.now() + STRAGGLERS_ARRIVE_FOR + timedelta(seconds=1)):
        sweep_deleted_tenants()
        assert sweep_deleted_tenants() == {}


def test_sweeps_nothing_of_tenants_that_exist(tenant: Tenant, owner: RecordingOwner) -> None:
    assert sweep_deleted_tenants() == {}
    assert owner.calls == []


def test_goes_on_with_the_next_tenant_when_one_fails(
    tenant: Tenant, other_tenant: Tenant, admin_actor: Actor, owner: RecordingOwner
) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)
    delete_tenant(actor=admin_actor, tenant=other_tenant)
    owner.error = DatabaseError("lock timeout")

    assert sweep_deleted_tenants() == {}
    assert [call for call in owner.calls if call[0] == "delete"] == [
        ("delete", tenant.id),
        ("delete", other_tenant.id),
    ]

    owner.error = None
    assert sweep_deleted_tenants()["recorded"] == 4


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_do_no_harm(tenant: Tenant, admin_actor: Actor, settings: Settings) -> None:
    settings.TENANT_DATA_OWNERS = ["integrations.tenant_data.owner"]
    users = User.objects.bulk_create(User(username=f"member{number}") for number in range(50))
    Membership.objects.bulk_create(Membership(tenant=tenant, user=user) for user in users)
    delete_tenant(actor=admin_actor, tenant=tenant)
    failures: list[BaseException] = []

    def sweep() -> None:
        try:
            sweep_deleted_tenants()
        except BaseException as error:  # noqa: BLE001  (a thread's failure is the test's)
            failures.append(error)

    threads = [threading.Thread(target=_in_thread, args=(sweep,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert failures == []
    assert not Membership.objects.exists()


def test_the_task_is_scheduled_under_its_name(tenant: Tenant, admin_actor: Actor, owner: RecordingOwner) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)

    sweep_deleted_tenants_task.apply(throw=True)

    assert ("delete", tenant.id) in owner.calls
    scheduled = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    assert sweep_deleted_tenants_task.name in scheduled


# --- Asking for a sweep -----------------------------------------------------------------------------------------------


def queued_tasks() -> list[Any]:
    with redis.Redis.from_url(redis_py_url(django_settings.REDIS_URL)) as broker:
        return [json.loads(message)["headers"]["task"] for message in broker.lrange("celery", 0, -1)]


def test_the_hint_reaches_the_broker_from_any_thread() -> None:
    current_app.control.purge()
    threading.Thread(target=request_sweep).start()

    wait_until(lambda: queued_tasks() == ["integrations.sweep_deleted_tenants"])
    current_app.control.purge()
