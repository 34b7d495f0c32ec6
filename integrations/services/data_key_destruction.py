"""Destroying retired data keys under which no value stands any more.

Counting and destroying are one transaction, which keeps every table with secrets from being written meanwhile: whoever
was writing has committed before the count, and what comes after it is written under an active key.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.db.models.functions import Now

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption import data_keys
from integrations.encryption.lock_waits import LockedTooLongError, brief_lock_waits, patiently
from integrations.encryption.models import DataKey, DataKeyState
from integrations.encryption.reencryption import count_values, models_with_secrets, rows_under
from integrations.errors import ConflictError
from integrations.models import Tenant

ROWS_NAMED: Final = 10


@dataclass(slots=True)
class Remaining:
    """A retired key that is needed: how many values of each model stand under it, and the first of their rows."""

    key: DataKey
    values: Counter[str]
    rows: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Destruction:
    """What was (or would be) destroyed, and what is kept because values stand under it."""

    destroyed: list[DataKey]
    kept: list[Remaining]


def retired_keys(*, tenant: Tenant | None) -> QuerySet[DataKey]:
    """Return the retired keys of all owners, or of one tenant."""
    keys = DataKey.objects.filter(state=DataKeyState.RETIRED).select_related("tenant").order_by("id")
    return keys if tenant is None else keys.filter(tenant=tenant)


def plan_destruction(*, tenant: Tenant | None) -> Destruction:
    """Count, without any lock, what `destroy_retired_keys` would find now."""
    return _sorted_out(list(retired_keys(tenant=tenant)))


def destroy_retired_keys(*, actor: Actor, tenant: Tenant | None = None) -> Destruction:
    """Destroy for ever every retired key under which no value of any tenant stands; keep the others and say why.

    Readers go on beside it. Writers of rows with secrets wait for the count, which takes one pass over those tables;
    for the locks themselves it waits in short steps, two minutes at most. May run beside itself and a rotation.

    Raises ConflictError when a transaction that writes to such a table does not end.
    """
    try:
        return patiently(lambda: _destroy(actor, tenant))
    except LockedTooLongError:
        raise ConflictError(
            "A table with secrets is locked by a transaction that does not end: nothing was destroyed."
        ) from None


def _destroy(actor: Actor, tenant: Tenant | None) -> Destruction:
    with brief_lock_waits():
        # Keys before tables, as the deletion of a tenant takes them.
        keys = list(retired_keys(tenant=tenant).select_for_update(of=("self",)))
        if not keys:
            return Destruction([], [])
        _keep_writers_out()
        found = _sorted_out(keys)
        ids = [key.id for key in found.destroyed]
        DataKey.objects.filter(id__in=ids).update(state=DataKeyState.DESTROYED, wrapped_key="", destroyed_at=Now())
        for key in found.destroyed:
            record_activity(actor=actor, verb="data_key.destroyed", target=key, tenant_id=key.tenant_id)
    data_keys.forget_data_keys()
    return found


def _keep_writers_out() -> None:
    names = connection.ops.quote_name
    tables = ", ".join(names(model._meta.db_table) for model in models_with_secrets())
    with connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {tables} IN SHARE MODE")


def _sorted_out(keys: Sequence[DataKey]) -> Destruction:
    counts = count_values()
    return Destruction(
        destroyed=[key for key in keys if key.id not in counts],
        kept=[Remaining(key, counts[key.id], _rows(key.id)) for key in keys if key.id in counts],
    )


def _rows(key_id: UUID) -> list[str]:
    found: list[str] = []
    for model in models_with_secrets():
        ids = rows_under(model, key_id).values_list("pk", flat=True)[: ROWS_NAMED - len(found)]
        found += [f"{model._meta.label} {row_id}" for row_id in ids]
    return found
