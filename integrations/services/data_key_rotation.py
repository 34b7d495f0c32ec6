"""Giving each owner of secrets (every tenant, and the platform) a new data key, while the site runs.

An owner's key is retired and its successor made in one transaction, which waits for the writers that hold the old one.
After that nothing is written under the old key any more (`sealed_secret.seal`), so that a sweep which finds no value
under it has found the last one. Destroying what is retired is a step of its own: `data_key_destruction`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption import data_keys
from integrations.encryption.cipher import CipherError
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.keyring import keyring
from integrations.encryption.lock_waits import (
    PATIENCE_SECONDS,
    LockedTooLongError,
    brief_lock_waits,
    patiently,
)
from integrations.encryption.models import DataKey, DataKeyRotation, DataKeyState
from integrations.encryption.reencryption import Moved, count_rows, count_values, move_values
from integrations.encryption.rewrapping import refuse_unaware_processes
from integrations.models import Tenant

BATCH_SIZE: Final = 500
_PAUSE_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose data key it is; the platform has no tenant."""

    tenant_id: UUID | None
    name: str


PLATFORM: Final = Owner(None, "the platform")


@dataclass(slots=True)
class Progress:
    """How far a rotation is, with what could not be done so far, a sentence each."""

    started_at: datetime
    owners: int
    owners_done: int = 0
    keys_replaced: int = 0
    values_moved: int = 0
    unreadable: list[str] = field(default_factory=list)
    """By row: these values do not open, so they stay as they are and their retired key cannot be destroyed."""
    unfinished: list[str] = field(default_factory=list)
    """By owner: locked for too long, or a master key is missing. The next run goes on here."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What a rotation would do now."""

    keys: int
    values: int


def plan_rotation(*, tenant: Tenant | None, is_platform_only: bool) -> Planned:
    """Count the keys that would be replaced and the values that stand under them or under retired ones."""
    keys = DataKey.objects.exclude(state=DataKeyState.DESTROYED)
    owners = {owner.tenant_id for owner in _owners(tenant, is_platform_only)}
    begun = DataKeyRotation.objects.filter(covers=_covers(tenant, is_platform_only)).first()
    counts = count_values()
    replaced = values = 0
    for key in keys:
        if key.tenant_id in owners:
            is_to_replace = key.state == DataKeyState.ACTIVE and (begun is None or key.created_at < begun.started_at)
            replaced += is_to_replace
            if is_to_replace or key.state == DataKeyState.RETIRED:
                values += counts[key.id].total() if key.id in counts else 0
    return Planned(replaced, values)


def rotate_data_keys(
    *, actor: Actor, tenant: Tenant | None = None, is_platform_only: bool = False, batch_size: int = BATCH_SIZE
) -> Iterator[Progress]:
    """Replace the data keys of all owners, of one tenant or of the platform alone, and re-encrypt their values.

    Reports after each batch and owner; it is the same object each time. May be stopped at any moment, also by kill -9:
    the next call for the same owners goes on with the rotation that was begun and replaces no key twice. May run twice
    at once. Readers go on beside it; a tenant's writers wait for half a second at most.

    Raises:
        UnawareProcessesError: a live process does not know the master key that wraps the new keys.
        KeyNotAtHandError: this process has no usable master key itself.
    """
    keyring()
    refuse_unaware_processes()
    rotation, _ = DataKeyRotation.objects.get_or_create(covers=_covers(tenant, is_platform_only))
    owners = _owners(tenant, is_platform_only)
    progress = Progress(rotation.started_at, len(owners))
    yield progress
    for owner in owners:
        refuse_unaware_processes()
        if _replace_patiently(owner, actor, rotation.started_at, progress):
            for key in _keys(owner).filter(state=DataKeyState.RETIRED).order_by("id"):
                for _ in _empty(key, owner, batch_size, progress):
                    yield progress
        progress.owners_done += 1
        yield progress
    if not progress.unfinished:
        _finish(rotation)


def _owners(tenant: Tenant | None, is_platform_only: bool) -> list[Owner]:
    if tenant is not None:
        return [Owner(tenant.id, f"tenant {tenant.slug}")]
    owners = [PLATFORM] if _keys(PLATFORM).exists() else []
    if not is_platform_only:
        rows = Tenant.objects.existing().order_by("id").values_list("id", "slug")
        owners += [Owner(tenant_id, f"tenant {slug}") for tenant_id, slug in rows]
    return owners


def _keys(owner: Owner) -> QuerySet[DataKey]:
    if owner.tenant_id is None:
        return DataKey.objects.filter(tenant__isnull=True)
    return DataKey.objects.filter(tenant_id=owner.tenant_id)


def _covers(tenant: Tenant | None, is_platform_only: bool) -> str:
    return str(tenant.id) if tenant is not None else "platform" if is_platform_only else "all"


def _finish(rotation: DataKeyRotation) -> None:
    finished = DataKeyRotation.objects.filter(started_at__lte=rotation.started_at)
    if rotation.covers != "all":  # which has done what older and narrower ones left
        finished = finished.filter(covers=rotation.covers)
    finished.delete()


def _replace_patiently(owner: Owner, actor: Actor, made_before: datetime, progress: Progress) -> bool:
    """Retire the owner's active key if it is an old one; False when a writer held it for two minutes."""
    try:
        progress.keys_replaced += patiently(lambda: _replace(owner, actor, made_before))
    except LockedTooLongError:
        progress.unfinished.append(f"The data key of {owner.name} is held by a transaction that does not end.")
        return False
    return True


def _replace(owner: Owner, actor: Actor, made_before: datetime) -> bool:
    with brief_lock_waits():
        # The tenant before its keys, as its deletion locks them: or it would miss a key that is made meanwhile.
        if owner.tenant_id is not None:
            tenant = Tenant.objects.existing().filter(id=owner.tenant_id).select_for_update(no_key=True)
            if tenant.first() is None:
                return False
        keys = _keys(owner).filter(state=DataKeyState.ACTIVE, created_at__lt=made_before)
        old = keys.select_for_update(no_key=True).first()
        if old is None:
            return False
        DataKey.objects.filter(id=old.id).update(state=DataKeyState.RETIRED, retired_at=Now())
        record_activity(
            actor=actor,
            verb="data_key.rotated",
            target=data_keys.create_data_key(tenant_id=owner.tenant_id),
            tenant_id=owner.tenant_id,
            detail=f"retired {old.id}",
        )
        return True


def _empty(key: DataKey, owner: Owner, batch_size: int, progress: Progress) -> Iterator[None]:
    """Repeat passes over the rows until none is left under the key but what does not open."""
    if problem := _why_not_at_hand(key):
        progress.unfinished.append(problem)
        return
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = Moved()
        try:
            for batch in move_values(key, batch_size=batch_size):
                found.add(batch)
                progress.values_moved += batch.values
                yield
        except KeyNotAtHandError as error:
            if DataKey.objects.filter(id=key.id, state=DataKeyState.RETIRED).exists():
                progress.unfinished.append(str(error))
            return  # else the tenant was deleted meanwhile, and nobody will read its values again
        if count_rows(key) <= len(found.unreadable):
            progress.unreadable += [reason for reasons in found.unreadable.values() for reason in reasons]
            return
        if found.values:
            give_up_at = time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() > give_up_at:
            progress.unfinished.append(f"Rows of {owner.name} are locked by a transaction that does not end.")
            return
        else:
            time.sleep(_PAUSE_SECONDS)


def _why_not_at_hand(key: DataKey) -> str:
    try:
        data_keys.cipher_of(key.id.hex)
    except KeyNotAtHandError as error:
        return str(error)
    except CipherError:
        return f"Data key {key.id} does not open under its master key: its row was changed."
    except data_keys.DataKeyDestroyed:
        return ""  # a moment ago; nothing names it any more
    return ""
