"""Data keys: one active key per tenant (and one for the platform), in the database wrapped, in memory for minutes.

Readers find a key by its id. An id always means the same bytes, so what was unwrapped is kept for five minutes
without any invalidation; the limit is there so that the key of a deleted tenant leaves every process soon.

Writers read the active key's row `FOR SHARE` inside the transaction that writes the value. A rotation that wants to
retire the key waits for them, so that no value is written under a key after the sweep for such values has passed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from os import urandom
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from integrations.encryption.cipher import KEY_BYTES, CipherError, DataKeyCipher
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.keyring import keyring
from integrations.encryption.models import DataKey, DataKeyState
from integrations.ids import uuid7
from integrations.isolation.guard import outside_scope

UNWRAPPED_KEY_SECONDS = 300
UNWRAPPED_KEYS_KEPT = 1024


class DataKeyDestroyed(Exception):
    """The key's row says that it was destroyed."""


class _Unwrapped(NamedTuple):
    cipher: DataKeyCipher
    forget_at: float


# In the order in which they were unwrapped, so the oldest come first. Without a lock, which a fork could inherit
# locked: every step below is a single operation on the dict.
_unwrapped: dict[str, _Unwrapped] = {}
_active_in_this_save: ContextVar[dict[UUID | None, DataKeyCipher] | None] = ContextVar("active_keys", default=None)


def create_data_key(*, tenant_id: UUID | None) -> DataKey:
    """Make the active data key of a tenant, or of the platform (None).

    Raises:
        IntegrityError: there is an active one already.
        KeyNotAtHandError: this process has no usable master key.
    """
    return DataKey.objects.create(**_new_key(tenant_id))


def destroy_data_keys(*, tenant_id: UUID) -> int:
    """Destroy all data keys of a tenant for ever and return how many there were. Repeating it changes nothing.

    What is encrypted under them is unreadable from the commit on: here at once, in other processes within
    `UNWRAPPED_KEY_SECONDS`, in backups of the tenant's rows as soon as the key's own row is in no backup.
    """
    keys = DataKey.objects.filter(tenant_id=tenant_id).exclude(state=DataKeyState.DESTROYED)
    ids = list(keys.values_list("id", flat=True))
    count = keys.filter(id__in=ids).update(state=DataKeyState.DESTROYED, wrapped_key="", destroyed_at=Now())
    transaction.on_commit(lambda: _forget(ids))
    return count


def cipher_of(key_id: str) -> DataKeyCipher:
    """Return the data key with this id (32 hex digits), whatever tenant it belongs to: the place is in the AAD.

    Raises:
        KeyNotAtHandError: no such row for this role, or wrapped by a master key that this process lacks.
        DataKeyDestroyed: destroyed on purpose.
        CipherError: the wrapped key does not open under its master key.
    """
    if (held := _held(key_id)) is not None:
        return held
    keys = DataKey.objects.filter(id=UUID(key_id))
    with outside_scope("whether a query runs depends on what this process holds; the ciphertext names the key"):
        row = keys.values_list("tenant_id", "state", "wrapped_key", "master_fingerprint").first()
    if row is None:
        raise KeyNotAtHandError(f"There is no data key {key_id} that this process may read.")
    tenant_id, state, wrapped_key, fingerprint = row
    if state == DataKeyState.DESTROYED:
        raise DataKeyDestroyed
    return _unwrap(UUID(key_id), tenant_id, wrapped_key, fingerprint)


def active_cipher(tenant_id: UUID | None) -> DataKeyCipher:
    """Return the key under which new values of a tenant are written, its row locked `FOR SHARE` until the commit.

    The platform's key is made when it is first needed; a tenant's was made with the tenant.

    Raises:
        TransactionManagementError: there is no open transaction, so the lock would not outlive the statement.
        KeyNotAtHandError: the tenant has no active key (it was deleted), or its master key is not at hand.
    """
    in_this_save = _active_in_this_save.get()
    if in_this_save is not None and tenant_id in in_this_save:
        return in_this_save[tenant_id]
    cipher = _lock_active(tenant_id)
    if in_this_save is not None:
        in_this_save[tenant_id] = cipher
    return cipher


@contextmanager
def one_lock_per_tenant() -> Iterator[None]:
    """Within it, `active_cipher` reads each tenant's key row once: a row of five secrets needs one lock, not five.

    Only around the statements of one save: were a savepoint inside rolled back, the lock would be gone.
    """
    token = _active_in_this_save.set({})
    try:
        yield
    finally:
        _active_in_this_save.reset(token)


def forget_data_keys() -> None:
    """Drop every unwrapped key from this process's memory."""
    _unwrapped.clear()


def forget_expired_data_keys() -> None:
    """Drop the unwrapped keys whose time is over, also those that nobody asks for any more."""
    now = time.monotonic()
    for key_id, held in list(_unwrapped.items()):
        if held.forget_at <= now:
            _unwrapped.pop(key_id, None)


def _new_key(tenant_id: UUID | None) -> dict[str, object]:
    keys = keyring()
    key_id = uuid7()
    return {
        "id": key_id,
        "tenant_id": tenant_id,
        "wrapped_key": keys.wrap(urandom(KEY_BYTES), data_key_id=key_id, tenant_id=tenant_id),
        "master_fingerprint": keys.current_fingerprint,
    }


def _lock_active(tenant_id: UUID | None) -> DataKeyCipher:
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "Secrets are written inside a transaction: open transaction.atomic() around this write, or use save()."
        )
    row = _select_active(tenant_id)
    if row is None and tenant_id is None:
        # `ignore_conflicts`: another process may make the platform's key at the same moment.
        DataKey.objects.bulk_create([DataKey(**_new_key(None))], ignore_conflicts=True)
    if row is None:
        # While we waited for the lock a rotation committed: the row we waited for is active no more, and its
        # successor is visible to the next statement only.
        row = _select_active(tenant_id)
    if row is None:
        owner = f"Tenant {tenant_id}" if tenant_id is not None else "The platform"
        raise KeyNotAtHandError(f"{owner} has no active data key that this process may use.")
    key_id, wrapped_key, fingerprint = row
    if (held := _held(key_id.hex)) is not None:
        return held
    try:
        return _unwrap(key_id, tenant_id, wrapped_key, fingerprint)
    except CipherError:
        raise KeyNotAtHandError(f"Data key {key_id} does not open under its master key: its row was changed.") from None


def _select_active(tenant_id: UUID | None) -> tuple[UUID, str, str] | None:
    # Django has FOR UPDATE, but not FOR SHARE: with the former all writers of a tenant would queue.
    condition, parameters = ("tenant_id = %s", [tenant_id]) if tenant_id is not None else ("tenant_id IS NULL", [])
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, wrapped_key, master_fingerprint FROM {DataKey._meta.db_table}"  # noqa: S608  (no input)
            f" WHERE {condition} AND state = '{DataKeyState.ACTIVE.value}' FOR SHARE",
            parameters,
        )
        row: tuple[UUID, str, str] | None = cursor.fetchone()
        return row


def _held(key_id: str) -> DataKeyCipher | None:
    held = _unwrapped.get(key_id)
    return held.cipher if held is not None and time.monotonic() < held.forget_at else None


def _unwrap(key_id: UUID, tenant_id: UUID | None, wrapped_key: str, fingerprint: str) -> DataKeyCipher:
    key = keyring().unwrap(wrapped_key, fingerprint=fingerprint, data_key_id=key_id, tenant_id=tenant_id)
    cipher = DataKeyCipher(key_id, key)
    _unwrapped.pop(key_id.hex, None)  # so that it becomes the youngest
    _unwrapped[key_id.hex] = _Unwrapped(cipher, time.monotonic() + UNWRAPPED_KEY_SECONDS)
    for oldest in list(_unwrapped)[:-UNWRAPPED_KEYS_KEPT]:
        _unwrapped.pop(oldest, None)
    return cipher


def _forget(key_ids: list[UUID]) -> None:
    for key_id in key_ids:
        _unwrapped.pop(key_id.hex, None)
