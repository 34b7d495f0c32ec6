"""Secrets in a file, sealed with a passphrase: scrypt makes the key of it, AES-256-GCM seals each webhook's secrets.

The name of the webhook is authenticated along with them, so that sealed secrets do not open in another row.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Mapping
from threading import Lock
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from webhooks.transfer.rows import FORMAT

MIN_PASSPHRASE: Final = 12
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
# OWASP's parameters for scrypt: 128 MiB and a third of a second for each guess.
_N, _R, _P = 2**17, 8, 1
# For one passphrase at a time: many at once would take more memory than a web process has.
_deriving = Lock()


class SealError(Exception):
    """Sealed secrets do not open: another passphrase, another row, or a damaged file."""


class Seal:
    """Seals and opens the secrets of one file."""

    def __init__(self, passphrase: str, salt: str | None = None) -> None:
        """Raises ValueError for a passphrase that is too short, SealError for a salt that is none."""
        if len(passphrase) < MIN_PASSPHRASE:
            raise ValueError(f"Use at least {MIN_PASSPHRASE} characters.")
        raw = os.urandom(_SALT_BYTES) if salt is None else _decoded(salt)
        self.salt = base64.b64encode(raw).decode()
        with _deriving:
            self._cipher = AESGCM(Scrypt(salt=raw, length=32, n=_N, r=_R, p=_P).derive(passphrase.encode()))

    def close(self, workflow_name: str, secrets: Mapping[str, Any]) -> str:
        """Return secrets, sealed."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, json.dumps(secrets).encode(), _bound_to(workflow_name))
        return base64.b64encode(nonce + sealed).decode()

    def open(self, workflow_name: str, sealed: str) -> dict[str, Any]:
        """Return the secrets of this webhook. Raises SealError."""
        raw = _decoded(sealed)
        try:
            opened = json.loads(self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(workflow_name)))
        except (InvalidTag, ValueError):
            raise SealError("It does not open with this passphrase.") from None
        if not isinstance(opened, dict):
            raise SealError("It holds no secrets of a webhook.")
        return opened


def _bound_to(workflow_name: str) -> bytes:
    return f"{FORMAT}\n{workflow_name}".encode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SealError("It is no base64.") from None
