"""Is this text a key that may be used now, from here? One query, one HMAC, and neither for a typing mistake.

The query joins the tenant, so that revocation, expiry and what happens to the tenant hold with the next request.
It runs as the owner, before any tenant is known. A wrong secret and an unknown id cost the same: the latter is compared
with a hash that nothing has.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from ipaddress import ip_address
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from integrations.api_keys.hashing import peppers
from integrations.api_keys.key_text import KeyText
from integrations.api_keys.models import APIKey
from integrations.api_keys.rules import network
from integrations.models.tenant import Tenant
from integrations.postgresql import planned_statements

logger = structlog.get_logger(__name__)

_NO_HASH: Final = "-" * 64
_COLUMNS: Final = (
    *("id", "name", "key_hash", "pepper_fingerprint", "scopes"),
    *("allowed_networks", "rate_limit", "expires_at", "revoked_at"),
)


class KeyRefusedError(Exception):
    """The request does not come in. `detail` is a sentence for the caller, `key_id` known once the secret was right."""

    def __init__(self, detail: str, key_id: UUID | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.key_id = key_id


class InvalidKeyError(KeyRefusedError):
    """No key, or one that has ended."""


class ForbiddenKeyError(KeyRefusedError):
    """A key that may not be used from there, or of a tenant that is inactive."""


class PepperNotAtHandError(Exception):
    """The key's hash was made with a pepper that this process does not have: nobody can say whether it is right."""


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as authentication needs it."""

    id: UUID
    name: str
    key_hash: str = field(repr=False)
    pepper_fingerprint: str
    scopes: list[str]
    allowed_networks: list[str]
    rate_limit: int
    expires_at: datetime | None
    revoked_at: datetime | None
    tenant: Tenant


def check_key(text: str, *, address: str | None) -> StoredKey:
    """Return the key that a request from `address` may use.

    A key whose hash is under a previous pepper gets one under the current: whoever is first writes it, the others find
    it done.

    Raises:
        InvalidKeyError, ForbiddenKeyError: it may not.
        PepperNotAtHandError: this process cannot tell.
    """
    given = KeyText.parse(text)
    stored = _find(given.prefix) if given else None
    if given is None or not _matches(given, stored) or stored is None:
        raise InvalidKeyError("The API key is not valid: compare it with the one that was shown when it was made.")
    _require_use(stored, address)
    _hash_anew(given, stored)
    return stored


def _find(prefix: str) -> StoredKey | None:
    rows = planned_statements.rows_of(_query(), [prefix])
    if not rows:
        return None
    (row,) = rows
    tenant = Tenant.from_db(connection.alias, _tenant_names(), row[len(_COLUMNS) :])
    return StoredKey(**dict(zip(_COLUMNS, row, strict=False)), tenant=tenant)


def _matches(given: KeyText, stored: StoredKey | None) -> bool:
    """Hash once and compare once, whether there is such a key or not."""
    known = peppers()
    at_hand = stored is None or stored.pepper_fingerprint in known.fingerprints
    digest = known.digest(given.text, stored.pepper_fingerprint if stored and at_hand else None)
    if stored is not None and not at_hand:
        logger.error("api_key_pepper_not_at_hand", key_prefix=given.prefix, pepper=stored.pepper_fingerprint)
        raise PepperNotAtHandError
    return hmac.compare_digest(digest, stored.key_hash if stored else _NO_HASH)


def _require_use(key: StoredKey, address: str | None) -> None:
    if key.revoked_at is not None:
        raise InvalidKeyError("This API key was revoked.", key.id)
    if key.expires_at is not None and key.expires_at <= timezone.now():
        raise InvalidKeyError(f"This API key expired at {key.expires_at:%Y-%m-%d %H:%M:%S} UTC.", key.id)
    if not key.tenant.is_active:
        raise ForbiddenKeyError("The tenant is inactive.", key.id)
    if key.allowed_networks and not _is_within(address, key.allowed_networks):
        raise ForbiddenKeyError(f"This API key may not be used from {address or 'an unknown address'}.", key.id)


def _is_within(address: str | None, networks: list[str]) -> bool:
    return address is not None and any(ip_address(address) in network(text) for text in networks)


def _hash_anew(given: KeyText, stored: StoredKey) -> None:
    known = peppers()
    if stored.pepper_fingerprint != known.current_fingerprint:
        APIKey.objects.filter(id=stored.id, key_hash=stored.key_hash).update(
            key_hash=known.digest(given.text), pepper_fingerprint=known.current_fingerprint
        )


@cache
def _query() -> str:
    """Made once: a queryset takes longer to make its SQL than PostgreSQL takes to run it."""
    quote = connection.ops.quote_name
    tenant_columns: list[Any] = list(Tenant._meta.concrete_fields)
    shown = [f"k.{quote(column)}" for column in _COLUMNS] + [f"t.{quote(field.column)}" for field in tenant_columns]
    return (
        f"SELECT {', '.join(shown)} FROM {quote(APIKey._meta.db_table)} k"  # noqa: S608
        f" JOIN {quote(Tenant._meta.db_table)} t ON t.id = k.tenant_id"
        " WHERE k.key_prefix = %s AND t.deleted_at IS NULL"
    )


@cache
def _tenant_names() -> list[str]:
    return [field.attname for field in Tenant._meta.concrete_fields]
