"""What is stored of a key: HMAC-SHA-256 of its text under a pepper, a secret of the server that is not in the database.

A key has 256 random bits, so nothing slower than one HMAC is needed: a password hash makes guessing few possibilities
expensive, and here are too many to guess. The pepper keeps somebody who can write to the database, and nothing else,
from making a key.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

PEPPER_BYTES: Final = 32
_FINGERPRINT_LABEL: Final = b"signalbox:v1:api-key-pepper-fingerprint:"
_FINGERPRINT_CHARACTERS: Final = 16


@dataclass(frozen=True, slots=True)
class Peppers:
    """The peppers of this process by fingerprint. New keys are hashed with the current one, older ones still verify."""

    current_fingerprint: str
    _peppers: Mapping[str, bytes] = field(repr=False)

    @property
    def fingerprints(self) -> list[str]:
        """Those that this process knows, the current one first."""
        return list(self._peppers)

    def digest(self, text: str, fingerprint: str | None = None) -> str:
        """Return the hash of a key's text under a pepper, the current one unless named, as 64 hex digits.

        Raises KeyError for a pepper that this process does not have.
        """
        pepper = self._peppers[fingerprint or self.current_fingerprint]
        return hmac.digest(pepper, text.encode("ascii"), "sha256").hex()


def peppers() -> Peppers:
    """Return the peppers that the settings hold; built once for each value of the settings.

    Raises ImproperlyConfigured where there is none: no process starts so, but a shell can.
    """
    return _build(settings.API_KEY_PEPPER, tuple(settings.API_KEY_PEPPER_PREVIOUS))


def pepper_fingerprint(pepper: bytes) -> str:
    """Return the public name of a pepper: 16 hex digits that say nothing about it."""
    return sha256(_FINGERPRINT_LABEL + pepper).hexdigest()[:_FINGERPRINT_CHARACTERS]


@lru_cache(maxsize=4)
def _build(current: str, previous: tuple[str, ...]) -> Peppers:
    known = [bytes.fromhex(text) for text in (current, *previous)]
    if any(len(pepper) != PEPPER_BYTES for pepper in known):
        raise ImproperlyConfigured("API_KEY_PEPPER must be 64 hexadecimal characters (32 bytes).")
    return Peppers(pepper_fingerprint(known[0]), {pepper_fingerprint(pepper): pepper for pepper in known})
