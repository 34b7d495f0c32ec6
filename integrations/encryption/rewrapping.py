"""Rotation of the master key: every data key is wrapped anew under the current one. No value is touched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import OperationalError
from django.db.models import QuerySet

from integrations.encryption.cipher import CipherError
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.heartbeat import live_processes
from integrations.encryption.keyring import Keyring, keyring
from integrations.encryption.lock_waits import PATIENCE_SECONDS, brief_lock_waits, is_lock_timeout
from integrations.encryption.models import DataKey, DataKeyState, ProcessHeartbeat

BATCH_SIZE = 100


class UnawareProcessesError(Exception):
    """Running processes do not know the current master key: they could not read what would be re-wrapped."""

    def __init__(self, processes: list[ProcessHeartbeat]) -> None:
        self.processes = processes
        super().__init__(", ".join(f"{process.kind} {process.host}:{process.pid}" for process in processes))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rotation is. `unwrappable` maps the id of a data key that cannot be re-wrapped to the reason."""

    rewrapped: int
    remaining: int
    unwrappable: dict[UUID, str]


def keys_to_rewrap() -> QuerySet[DataKey]:
    """Return the data keys that the current master key does not wrap yet. Destroyed keys have nothing to wrap."""
    keys = DataKey.objects.exclude(state=DataKeyState.DESTROYED)
    return keys.exclude(master_fingerprint=keyring().current_fingerprint)


def refuse_unaware_processes() -> None:
    """Raise UnawareProcessesError while a live process does not know the current master key."""
    current = keyring().current_fingerprint
    unaware = [process for process in live_processes() if current not in process.master_fingerprints]
    if unaware:
        raise UnawareProcessesError(unaware)


def rewrap_data_keys(*, batch_size: int = BATCH_SIZE) -> Iterator[Progress]:
    """Re-wrap every data key and report after each batch.

    Each key is a transaction of its own that replaces exactly the wrapped bytes that were read: it may be stopped at
    any moment, run again, and run twice at once. Beside it, readers go on and a tenant's writers wait for one update
    at most. A key that a writer holds is tried again for two minutes.

    Raises:
        UnawareProcessesError: before a batch, a live process did not know the current master key.
        KeyNotAtHandError: this process has no usable master key itself.
    """
    keys = keyring()
    rewrapped = 0
    unwrappable: dict[UUID, str] = {}
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    last_id = UUID(int=0)
    while True:
        refuse_unaware_processes()
        todo = keys_to_rewrap().exclude(id__in=unwrappable).order_by("id")
        batch = list(todo.filter(id__gt=last_id)[:batch_size])
        if not batch:
            if not todo.exists() or time.monotonic() > give_up_at:
                yield Progress(rewrapped, keys_to_rewrap().count(), unwrappable)
                return
            last_id = UUID(int=0)  # another round for those that were locked
            continue
        for key in batch:
            last_id = key.id
            try:
                if _rewrap(key, keys):
                    rewrapped += 1
                    give_up_at = time.monotonic() + PATIENCE_SECONDS
            except KeyNotAtHandError as error:
                unwrappable[key.id] = str(error)
            except CipherError:
                unwrappable[key.id] = f"Data key {key.id} does not open under its master key: its row was changed."
        yield Progress(rewrapped, keys_to_rewrap().count(), unwrappable)


def _rewrap(key: DataKey, keys: Keyring) -> bool:
    """Replace the wrapped bytes by compare-and-swap; False when a writer holds the row or somebody else was faster."""
    plain = keys.unwrap(
        key.wrapped_key, fingerprint=key.master_fingerprint, data_key_id=key.id, tenant_id=key.tenant_id
    )
    wrapped = keys.wrap(plain, data_key_id=key.id, tenant_id=key.tenant_id)
    try:
        with brief_lock_waits():
            updated = DataKey.objects.filter(id=key.id, wrapped_key=key.wrapped_key).update(
                wrapped_key=wrapped, master_fingerprint=keys.current_fingerprint
            )
    except OperationalError as error:
        if not is_lock_timeout(error):
            raise
        return False
    return updated == 1
