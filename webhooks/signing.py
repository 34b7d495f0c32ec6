"""Signatures after Standard Webhooks 1.0.0, scheme v1 (HMAC-SHA256).

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable

SECRET_PREFIX = "whsec_"  # noqa: S105  (of every secret)
NEW_SECRET_BYTES = 32
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64


def new_signing_secret() -> str:
    """Return a new random secret in its written form, `whsec_` and base64."""
    return SECRET_PREFIX + base64.b64encode(os.urandom(NEW_SECRET_BYTES)).decode("ascii")


def signing_key(secret: str) -> bytes:
    """Return the key that a written secret stands for; ValueError if it is not 24 to 64 bytes of base64."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        raise ValueError("A signing secret is whsec_ followed by base64.") from None
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(f"A signing secret holds {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes.")
    return key


def sign(*, keys: Iterable[bytes], message_id: str, timestamp: int, body: bytes) -> str:
    """Return the value of the `webhook-signature` header: one signature for each key, separated by spaces.

    `timestamp` is in Unix seconds, of this attempt. Two keys sign during a rotation; a receiver accepts any match.
    """
    if "." in message_id:
        raise ValueError("A message id must not contain a dot: it separates the signed parts.")
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii") for key in keys
    )
