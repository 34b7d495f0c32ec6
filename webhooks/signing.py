"""Signatures after Standard Webhooks 1.0.0: scheme v1 (HMAC-SHA256, one shared secret) and v1a (ed25519, a key pair).

Written forms: `whsec_` and the base64 of 24 to 64 random bytes; `whsk_` and the base64 of a 32-byte seed followed by its
32-byte public key; `whpk_` and the base64 of that public key, which is all that a receiver needs for v1a.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  (of every secret)
PRIVATE_KEY_PREFIX: Final = "whsk_"
PUBLIC_KEY_PREFIX: Final = "whpk_"
NEW_SECRET_BYTES: Final = 32
MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64
SEED_BYTES: Final = 32


class Scheme(StrEnum):
    HMAC = "hmac"
    ED25519 = "ed25519"


@dataclass(frozen=True, slots=True)
class HmacKey:
    """A shared secret."""

    key: bytes = field(repr=False)
    # What the key alone says, to go on from: OpenSSL takes longer to look up the algorithm than to sign a KiB.
    _begun: hmac.HMAC = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_begun", hmac.new(self.key, digestmod="sha256"))

    def sign(self, signed: bytes) -> str:
        signature = self._begun.copy()
        signature.update(signed)
        return "v1," + _base64(signature.digest())


@dataclass(frozen=True, slots=True)
class Ed25519Key:
    """A private key."""

    key: Ed25519PrivateKey = field(repr=False)

    def sign(self, signed: bytes) -> str:
        return "v1a," + _base64(self.key.sign(signed))

    @property
    def public_key(self) -> str:
        """Its public half, in the written form."""
        return PUBLIC_KEY_PREFIX + _base64(self.key.public_key().public_bytes_raw())


SigningKey = HmacKey | Ed25519Key


def new_signing_secret(scheme: str = Scheme.HMAC) -> str:
    """Return a new random secret of this `Scheme` in its written form."""
    if Scheme(scheme) is Scheme.HMAC:
        return SECRET_PREFIX + _base64(os.urandom(NEW_SECRET_BYTES))
    key = Ed25519PrivateKey.generate()
    return PRIVATE_KEY_PREFIX + _base64(key.private_bytes_raw() + key.public_key().public_bytes_raw())


def signing_key(secret: str) -> SigningKey:
    """Return the key that a written secret stands for; ValueError for what is none."""
    if secret.startswith(PRIVATE_KEY_PREFIX):
        return _ed25519_key(secret)
    key = _decoded(secret.removeprefix(SECRET_PREFIX), "A signing secret is whsec_ followed by base64.")
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(f"A signing secret holds {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes.")
    return HmacKey(key)


def public_key_of(secret: str) -> str | None:
    """Return the `whpk_…` that belongs to an ed25519 secret; None for a shared one, which has none."""
    key = signing_key(secret)
    return key.public_key if isinstance(key, Ed25519Key) else None


def sign(*, keys: Iterable[SigningKey], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the `webhook-signature` header: one signature for each key, separated by spaces.

    `timestamp` is in Unix seconds, of this attempt. Two keys sign during a rotation; a receiver accepts any match.
    """
    if "." in message_id:
        raise ValueError("A message id must not contain a dot: it separates the signed parts.")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(key.sign(signed) for key in keys)


def _ed25519_key(secret: str) -> Ed25519Key:
    pair = _decoded(secret.removeprefix(PRIVATE_KEY_PREFIX), "An ed25519 signing secret is whsk_ followed by base64.")
    if len(pair) != 2 * SEED_BYTES:
        raise ValueError("An ed25519 signing secret holds 64 bytes: the seed and the public key.")
    key = Ed25519PrivateKey.from_private_bytes(pair[:SEED_BYTES])
    if key.public_key().public_bytes_raw() != pair[SEED_BYTES:]:
        raise ValueError("The two halves of this ed25519 signing secret do not belong together.")
    return Ed25519Key(key)


def _decoded(text: str, refusal: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise ValueError(refusal) from None


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
