from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from uuid import UUID

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from integrations.encryption import data_keys
from integrations.encryption.cipher import StoredValue
from integrations.encryption.data_keys import (
    active_cipher,
    cipher_of,
    create_data_key,
    destroy_data_keys,
    forget_data_keys,
    forget_expired_data_keys,
)
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.keyring import keyring
from integrations.encryption.models import DataKey, DataKeyState
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from tests.integrations.encryption.waiting import wait_until
from webhooks.models import Webhook


@pytest.fixture
def key(tenant: Tenant) -> DataKey:
    return DataKey.objects.get(tenant=tenant)


def second_connection() -> psycopg.Connection:
    return psycopg.connect(**{**connection.get_connection_params(), "cursor_factory": psycopg.Cursor}, autocommit=True)


def test_a_new_key_is_active_and_wrapped(key: DataKey) -> None:
    assert key.state == DataKeyState.ACTIVE
    assert key.master_fingerprint == keyring().current_fingerprint
    unwrapped = keyring().unwrap(
        key.wrapped_key, fingerprint=key.master_fingerprint, data_key_id=key.id, tenant_id=key.tenant_id
    )
    assert len(unwrapped) == 32
    assert unwrapped.hex() not in key.wrapped_key


def test_a_tenant_has_one_active_key(key: DataKey) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        create_data_key(tenant_id=key.tenant_id)


def test_readers_find_a_key_by_id_once(key: DataKey, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        first = cipher_of(key.id.hex)
        assert cipher_of(key.id.hex) is first
    assert first.key_id == key.id


def test_readers_find_a_retired_key(key: DataKey) -> None:
    DataKey.objects.filter(pk=key.pk).update(state=DataKeyState.RETIRED)

    assert cipher_of(key.id.hex).key_id == key.id


def test_an_unwrapped_key_leaves_memory_after_five_minutes(
    key: DataKey, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    now = 1_000.0
    monkeypatch.setattr(data_keys.time, "monotonic", lambda: now)
    cipher_of(key.id.hex)
    now += 299.9
    with django_assert_num_queries(0):
        cipher_of(key.id.hex)
    forget_expired_data_keys()
    assert key.id.hex in data_keys._unwrapped

    now += 0.1
    with django_assert_num_queries(1):
        cipher_of(key.id.hex)
    now += 300
    forget_expired_data_keys()
    assert key.id.hex not in data_keys._unwrapped


def test_memory_holds_a_bounded_number_of_keys(
    make_tenant: Callable[..., Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_keys, "UNWRAPPED_KEYS_KEPT", 2)
    ids = [DataKey.objects.get(tenant=make_tenant(f"T{n}", f"t{n}")).id.hex for n in range(4)]
    for key_id in ids:
        cipher_of(key_id)

    assert list(data_keys._unwrapped) == ids[2:]


def test_an_unknown_key_is_not_at_hand(db: None) -> None:
    with pytest.raises(KeyNotAtHandError, match=uuid7().hex[:4]):
        cipher_of(uuid7().hex)


def test_a_tenants_role_sees_its_own_key_only(key: DataKey, other_tenant: Tenant) -> None:
    with tenant_scope(key.tenant_id):
        assert active_cipher(key.tenant_id).key_id == key.id
        assert cipher_of(key.id.hex).key_id == key.id
    forget_data_keys()
    with tenant_scope(other_tenant):
        with pytest.raises(KeyNotAtHandError):
            cipher_of(key.id.hex)
        with pytest.raises(KeyNotAtHandError):
            active_cipher(key.tenant_id)


def test_a_secret_can_be_written_and_read_in_a_tenants_scope(tenant: Tenant) -> None:
    with tenant_scope(tenant):
        made = Webhook.objects.create(tenant=tenant, workflow_name="scoped", signing_secret="first")
        made.auth_token = "second"
        made.save()
    forget_data_keys()
    with tenant_scope(tenant):
        loaded = Webhook.objects.get()
        assert (loaded.signing_secret.reveal(), loaded.auth_token.reveal()) == ("first", "second")


def test_the_platforms_key_is_made_when_it_is_needed(db: None) -> None:
    first = active_cipher(None)
    sealed = first.seal("of the platform", b"")
    forget_data_keys()

    assert active_cipher(None).key_id == first.key_id == DataKey.objects.get(tenant=None).id
    assert cipher_of(first.key_id.hex).open(StoredValue.parse(sealed), b"") == "of the platform"


def test_without_an_active_key_nothing_is_written(key: DataKey) -> None:
    DataKey.objects.filter(pk=key.pk).update(state=DataKeyState.RETIRED)

    with pytest.raises(KeyNotAtHandError, match="has no active data key"):
        active_cipher(key.tenant_id)


def test_a_damaged_key_row_stops_writers(key: DataKey) -> None:
    DataKey.objects.filter(pk=key.pk).update(wrapped_key=key.wrapped_key[:-2] + "zz")

    with pytest.raises(KeyNotAtHandError, match="does not open under its master key"):
        active_cipher(key.tenant_id)


def test_destroying_removes_the_wrapped_key_and_forgets_it(
    key: DataKey, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    cipher_of(key.id.hex)
    with django_capture_on_commit_callbacks(execute=True):
        assert destroy_data_keys(tenant_id=key.tenant_id) == 1
    key.refresh_from_db()

    assert (key.state, key.wrapped_key) == (DataKeyState.DESTROYED, "")
    assert key.destroyed_at is not None
    with pytest.raises(data_keys.DataKeyDestroyed):
        cipher_of(key.id.hex)
    with pytest.raises(KeyNotAtHandError):
        active_cipher(key.tenant_id)


def test_destroying_twice_changes_nothing(key: DataKey, other_tenant: Tenant) -> None:
    destroy_data_keys(tenant_id=key.tenant_id)
    destroyed_at = DataKey.objects.get(pk=key.pk).destroyed_at

    assert destroy_data_keys(tenant_id=key.tenant_id) == 0
    assert DataKey.objects.get(pk=key.pk).destroyed_at == destroyed_at
    assert DataKey.objects.get(tenant=other_tenant).state == DataKeyState.ACTIVE


def test_a_key_is_not_made_without_a_master_key(settings: Settings, tenant: Tenant) -> None:
    settings.ENCRYPTION_KEY = ""

    with pytest.raises(KeyNotAtHandError, match="ENCRYPTION_KEY is not set"):
        create_data_key(tenant_id=None)


# --- Beside a rotation of data keys -----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_key_cannot_be_retired_while_a_writer_uses_it(tenant: Tenant) -> None:
    retire = "UPDATE integrations_datakey SET state = 'retired' WHERE tenant_id = %s"
    with closing(second_connection()) as rotation:
        rotation.execute("SET lock_timeout = '200ms'")
        with transaction.atomic():
            active_cipher(tenant.pk)
            with pytest.raises(psycopg.errors.LockNotAvailable):
                rotation.execute(retire, [tenant.pk])
        assert rotation.execute(retire, [tenant.pk]).rowcount == 1


@pytest.mark.django_db(transaction=True)
def test_writers_of_one_tenant_do_not_wait_for_each_other(tenant: Tenant) -> None:
    with closing(second_connection()) as other_writer, transaction.atomic():
        active_cipher(tenant.pk)
        other_writer.execute("SET lock_timeout = '200ms'")
        locked = other_writer.execute("SELECT id FROM integrations_datakey WHERE tenant_id = %s FOR SHARE", [tenant.pk])
        assert locked.rowcount == 1


@pytest.mark.django_db(transaction=True)
def test_a_writer_that_waited_for_a_rotation_takes_the_new_key(tenant: Tenant) -> None:
    """The row it waited for is active no more, and its successor was not there when the statement began."""
    old = DataKey.objects.get(tenant=tenant)
    new_id = uuid7()
    wrapped = keyring().wrap(bytes(32), data_key_id=new_id, tenant_id=tenant.pk)
    used: list[UUID] = []

    def write() -> None:
        try:
            with transaction.atomic():
                used.append(active_cipher(tenant.pk).key_id)
        finally:
            connection.close()

    with closing(second_connection()) as rotation, closing(second_connection()) as watcher:
        with rotation.transaction():
            rotation.execute("UPDATE integrations_datakey SET state = 'retired' WHERE id = %s", [old.pk])
            rotation.execute(
                "INSERT INTO integrations_datakey (id, tenant_id, state, wrapped_key, master_fingerprint, created_at,"
                " locked_by_writers) VALUES (%s, %s, 'active', %s, %s, now(), false)",
                [new_id, tenant.pk, wrapped, keyring().current_fingerprint],
            )
            writer = threading.Thread(target=write)
            writer.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_until(lambda: watcher.execute(waiting).fetchone() == (1,))
        writer.join(10)

    assert used == [new_id]
