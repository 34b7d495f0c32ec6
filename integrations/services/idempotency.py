"""Idempotency keys: a request that is sent again with the same key is answered, and not done again.

A request claims its key before it does anything, in a transaction of its own: the services that do the deed own theirs,
and some wait for other systems, which no transaction may span. A claim becomes an answer when the deed is done, and is
given back when the request fails. One whose process died in between is free again after `LEASE`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection, transaction

from integrations.errors import ConflictError, InvalidInputError
from integrations.idempotency_keys import WHAT_A_KEY_IS, is_key
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models.idempotency import IdempotencyAnswer

logger = structlog.get_logger(__name__)

KEPT_FOR: Final = timedelta(hours=24)
# Longer than any request: one may wait 60 s for a delivery.
LEASE: Final = timedelta(minutes=2)
BATCH: Final = 5_000
_RETRY_AFTER_SECONDS: Final = 1

# Waits for a transaction that is just claiming the same key. A key whose time is over counts as new.
_CLAIM: Final = """
    INSERT INTO integrations_idempotencyanswer AS known
        (id, tenant_id, audience, key, fingerprint, object_id, members, claimed_at, expires_at)
    VALUES (%(id)s, %(tenant)s, %(audience)s, %(key)s, %(fingerprint)s, '', '{}', now(), now() + %(kept)s)
    ON CONFLICT (tenant_id, audience, key) DO UPDATE
    SET id = excluded.id, fingerprint = excluded.fingerprint, status_code = NULL, object_id = '', members = '{}',
        answer = NULL, claimed_at = excluded.claimed_at, expires_at = excluded.expires_at
    WHERE known.expires_at < now() OR (known.status_code IS NULL AND known.claimed_at < now() - %(lease)s)
    RETURNING id
"""
_FORGET: Final = """
    DELETE FROM integrations_idempotencyanswer WHERE id IN (
        SELECT id FROM integrations_idempotencyanswer WHERE expires_at < now()
        ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do what was asked for with a key, and the duty to say what came of it."""

    id: UUID
    tenant_id: UUID | None


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the request was answered that had the key first.

    `members` are the names of the answer's members; `answer` is the whole of one that was kept.
    """

    status_code: int
    object_id: str
    members: tuple[str, ...]
    answer: dict[str, Any] | None = None


def claim(*, tenant_id: UUID | None, audience: str, key: str, fingerprint: str) -> Claim | Remembered:
    """Claim a key for a request, or return what was answered under it before.

    Keys of a tenant, of those who act for it on the platform, and of the platform itself are apart. Of requests that
    come at once one gets the claim. Raises InvalidInputError for what is no key, and ConflictError for a key that was
    used for another request and, with the seconds to wait, for one whose request is still under way.
    """
    if not is_key(key):
        raise InvalidInputError({"Idempotency-Key": [WHAT_A_KEY_IS]})
    mine = Claim(uuid7(), tenant_id)
    wanted: dict[str, Any] = {
        "id": mine.id,
        "tenant": tenant_id,
        "audience": audience,
        "key": key,
        "fingerprint": fingerprint,
        "kept": KEPT_FOR,
        "lease": LEASE,
    }
    with _unit_of_work(tenant_id):
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, wanted)
            if cursor.fetchone() is not None:
                return mine
        # A statement of its own: it sees what another transaction committed while the one before waited for it.
        known = IdempotencyAnswer.objects.filter(tenant_id=tenant_id, audience=audience, key=key).first()
    if known is None or (known.status_code is None and known.fingerprint == fingerprint):
        raise ConflictError(
            "A request with this idempotency key is under way: send it again in a moment.",
            retry_after=_RETRY_AFTER_SECONDS,
        )
    if known.fingerprint != fingerprint:
        raise ConflictError("This idempotency key was used for another request: choose a new one.")
    assert known.status_code is not None  # noqa: S101  (looked at above)
    return Remembered(known.status_code, known.object_id, tuple(known.members), known.answer)


def remember(
    *, claim: Claim, status_code: int, object_id: str, members: Sequence[str], answer: dict[str, Any] | None = None
) -> None:
    """Turn a claim into an answer. Changes nothing when the claim ran out and somebody else has the key by now.

    `answer` is kept whole where nothing else can show it again; it must hold no secret.
    """
    with _unit_of_work(claim.tenant_id):
        kept = IdempotencyAnswer.objects.filter(id=claim.id).update(
            status_code=status_code, object_id=object_id, members=list(members), answer=answer
        )
    if not kept:
        logger.warning("idempotency_claim_ran_out", tenant_id=str(claim.tenant_id))


def release(*, claim: Claim) -> None:
    """Give a claim back: nothing was done."""
    with _unit_of_work(claim.tenant_id):
        IdempotencyAnswer.objects.filter(id=claim.id).delete()


def forget_expired() -> int:
    """Delete expired keys of all tenants, in short transactions, and return how many."""
    total = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [BATCH])
            forgotten = int(cursor.rowcount)
        total += forgotten
        if forgotten < BATCH:
            return total


@contextmanager
def _unit_of_work(tenant_id: UUID | None) -> Iterator[None]:
    with transaction.atomic() if tenant_id is None else tenant_scope(tenant_id):
        yield
