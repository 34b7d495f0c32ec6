"""Making, changing, rotating and revoking the keys of a tenant.

`access` is the credential that asks: nobody gives a key more than they have themselves. None is the platform's own
authority. Each function locks what it changes, in the order of ids, and one tenant's changes follow one another; a key
that asks is read again under that lock, so that a revocation which came first holds. Raises NotFoundError when tenant
or key are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Unpack
from uuid import UUID

from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.api_keys.authority import Authority
from integrations.api_keys.hashing import peppers
from integrations.api_keys.key_text import KeyText
from integrations.api_keys.models import APIKey
from integrations.api_keys.rules import KeyFields, cleaned
from integrations.authentication.access import TenantAccess
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant

MAX_LIVE_KEYS: Final = 100
DEFAULT_OVERLAP: Final = timedelta(hours=24)
LONGEST_OVERLAP: Final = timedelta(days=7)
_REQUIRED: Final = ("name", "scopes")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, and its text, which exists here and nowhere else: shown once, then forgotten."""

    key: APIKey
    text: str = field(repr=False)


def create_api_key(
    *, actor: Actor, tenant: Tenant, access: TenantAccess | None, **given: Unpack[KeyFields]
) -> IssuedKey:
    """Make a key. `name` and `scopes` are required.

    Raises InvalidInputError, NotAllowedError for more than the caller has, and ConflictError when the tenant has 100
    live keys already.
    """
    if missing := [name for name in _REQUIRED if name not in given]:
        raise InvalidInputError({name: ["This field is required."] for name in missing})
    now = timezone.now()
    values = cleaned(given, now=now)
    with _work_of(tenant):
        if APIKey.objects.live(now).filter(tenant=tenant).count() >= MAX_LIVE_KEYS:
            raise ConflictError(f"The tenant has {MAX_LIVE_KEYS} live keys, the most it may: revoke one first.")
        issued = _new_key(actor, APIKey(tenant=tenant, **values))
        _require_authority(tenant, access, issued.key, now)
        issued.key.save(force_insert=True)
        _record(actor, "api_key.created", issued.key)
    return issued


def update_api_key(
    *, actor: Actor, tenant: Tenant, access: TenantAccess | None, key_id: UUID, **changes: Unpack[KeyFields]
) -> APIKey:
    """Change the given fields of a key; takes effect with its next request. One that expired may be given more time.

    A change of anything but the name needs the authority for all that the key may do after it. Raises
    InvalidInputError, NotAllowedError, and ConflictError for a key that was revoked or, about its end, rotated.
    """
    now = timezone.now()
    values = cleaned(changes, now=now)
    with _work_of(tenant):
        key = _locked(tenant, [key_id])[key_id]
        if key.revoked_at is not None:
            raise ConflictError("The key was revoked, which is for good: make a new one.")
        changed = [name for name, value in values.items() if getattr(key, name) != value]
        if "expires_at" in changed and APIKey.objects.filter(rotated_from=key).exists():
            raise ConflictError("The key was rotated, which set its end. To end it now, revoke it.")
        for name in changed:
            setattr(key, name, values[name])  # type: ignore[literal-required]
        if changed:
            if changed != ["name"]:
                _require_authority(tenant, access, key, now)
            key.save(update_fields=changed)
            _record(actor, "api_key.updated", key, changed_fields=changed)
    return key


def revoke_api_key(*, actor: Actor, tenant: Tenant, key_id: UUID) -> APIKey:
    """End a key for good, with its next request. Doing it again changes nothing."""
    with _work_of(tenant):
        key = _locked(tenant, [key_id])[key_id]
        _revoke(actor, key, timezone.now())
    return key


def rotate_api_key(
    *,
    actor: Actor,
    tenant: Tenant,
    access: TenantAccess | None,
    key_id: UUID,
    overlap: timedelta = DEFAULT_OVERLAP,
) -> IssuedKey:
    """Make a new key with the same settings; the old one works on for `overlap`, at most 7 days, or ends before.

    Rotating the new one again ends the oldest at once. Raises InvalidInputError, NotAllowedError for a key that may do
    more than the caller, and ConflictError for one that has ended, or whose successor is live.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise InvalidInputError({"overlap_hours": [f"Must be from 0 to {LONGEST_OVERLAP // timedelta(hours=1)}."]})
    now = timezone.now()
    with _work_of(tenant):
        predecessor_id = APIKey.objects.filter(tenant=tenant, id=key_id).values_list("rotated_from", flat=True).first()
        locked = _locked(tenant, [key_id, *([predecessor_id] if predecessor_id else [])])
        old = locked[key_id]
        _require_rotatable(old, now)
        _require_authority(tenant, access, old, now)
        if predecessor_id is not None and locked[predecessor_id].is_live(now):
            _revoke(actor, locked[predecessor_id], now)
        issued = _new_key(actor, _successor_of(old))
        issued.key.save(force_insert=True)
        old.expires_at = min(filter(None, (old.expires_at, now + overlap)))
        old.save(update_fields=["expires_at"])
        _record(actor, "api_key.rotated", old, ["expires_at"], f"replaced by {issued.key.key_prefix}")
        _record(actor, "api_key.created", issued.key, detail=f"in the place of {old.key_prefix}")
    return issued


# --- One change -----------------------------------------------------------------------------------------------------


@contextmanager
def _work_of(tenant: Tenant) -> Iterator[None]:
    """Open the tenant's scope, and let one change of its keys follow another: a limit is counted, a chain walked."""
    with tenant_scope(tenant):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"api keys of {tenant.id}"])
        if not Tenant.objects.existing().filter(id=tenant.id).exists():
            raise NotFoundError("There is no such tenant.")
        yield


def _locked(tenant: Tenant, ids: list[UUID]) -> dict[UUID, APIKey]:
    rows = APIKey.objects.select_for_update(no_key=True).filter(tenant=tenant, id__in=ids).order_by("id")
    found = {key.id: key for key in rows}
    if len(found) != len(ids):
        raise NotFoundError("There is no such API key.")
    return found


def _require_authority(tenant: Tenant, access: TenantAccess | None, key: APIKey, now: datetime) -> None:
    """Let the platform and who may do all that the key may; a key that asks is read as it is now."""
    if access is None:
        return
    if access.api_key_id is None:
        Authority(access.scopes).require_to_cover(key)
        return
    asking = APIKey.objects.filter(tenant=tenant, id=access.api_key_id).first()
    if asking is None or not asking.is_live(now):
        raise NotAllowedError("The API key that asks for this was revoked or has expired.")
    Authority.of(asking).require_to_cover(key)


def _require_rotatable(key: APIKey, now: datetime) -> None:
    if not key.is_live(now):
        raise ConflictError("The key was revoked or has expired: make a new one.")
    successor = APIKey.objects.live(now).filter(rotated_from=key).first()
    if successor is not None:
        raise ConflictError(f"The key was rotated already: rotate {successor.key_prefix}, or revoke that one first.")


def _new_key(actor: Actor, key: APIKey) -> IssuedKey:
    """Give an unsaved row its secret and its maker."""
    text, known = KeyText.make(), peppers()
    key.key_prefix, key.key_hash = text.prefix, known.digest(text.text)
    key.pepper_fingerprint = known.current_fingerprint
    key.created_by_kind, key.created_by_id, key.created_by_name = actor.kind, actor.id, actor.name
    return IssuedKey(key, text.text)


def _successor_of(old: APIKey) -> APIKey:
    return APIKey(
        tenant_id=old.tenant_id,
        name=old.name,
        scopes=old.scopes,
        allowed_networks=old.allowed_networks,
        rate_limit=old.rate_limit,
        expires_at=old.expires_at,
        rotated_from=old,
    )


def _revoke(actor: Actor, key: APIKey, now: datetime) -> None:
    if key.revoked_at is None:
        key.revoked_at = now
        key.save(update_fields=["revoked_at"])
        _record(actor, "api_key.revoked", key)


def _record(actor: Actor, verb: str, key: APIKey, changed_fields: list[str] | None = None, detail: str = "") -> None:
    record_activity(
        actor=actor,
        verb=verb,
        target=key,
        tenant_id=key.tenant_id,
        changed_fields=changed_fields or [],
        detail=detail,
        object_kind="api_key",
    )
