"""The master keys of this process, from settings: the current one and the retired ones."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from django.conf import settings

from integrations.encryption.cipher import KeyWrapper
from integrations.encryption.errors import KeyNotAtHandError

_KEY_FORMAT = re.compile(r"[0-9a-fA-F]{64}")
_FINGERPRINT_LABEL = b"signalbox:v1:master-key-fingerprint:"
_FINGERPRINT_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Keyring:
    """Master keys by fingerprint. New data keys are wrapped by the current one, older ones still unwrap."""

    current_fingerprint: str
    _wrappers: Mapping[str, KeyWrapper]

    @property
    def fingerprints(self) -> list[str]:
        """The keys that this process knows, the current one first."""
        return list(self._wrappers)

    def knows(self, fingerprint: str) -> bool:
        return fingerprint in self._wrappers

    def wrap(self, key: bytes, *, data_key_id: UUID, tenant_id: UUID | None) -> str:
        """Return a data key wrapped by the current master key, bound to its id and its tenant."""
        return self._wrappers[self.current_fingerprint].wrap(key, _binding(data_key_id, tenant_id))

    def unwrap(self, wrapped: str, *, fingerprint: str, data_key_id: UUID, tenant_id: UUID | None) -> bytes:
        """Return the bytes of a data key.

        Raises:
            KeyNotAtHandError: the master key of that fingerprint is not among this process's keys.
            CipherError: it is, and the wrapped key does not open under it.
        """
        wrapper = self._wrappers.get(fingerprint)
        if wrapper is None:
            raise KeyNotAtHandError(
                f"Data key {data_key_id} is wrapped by the master key {fingerprint}, which this process does not "
                f"have: it must be ENCRYPTION_KEY or one of ENCRYPTION_KEYS_PREVIOUS."
            )
        return wrapper.unwrap(wrapped, _binding(data_key_id, tenant_id))


def keyring() -> Keyring:
    """Return the keys that the settings hold; built once per value of the settings, so a change is seen at once.

    Raises:
        KeyNotAtHandError: ENCRYPTION_KEY is missing or a key is malformed. The message never holds a key.
    """
    return _build(settings.ENCRYPTION_KEY, tuple(settings.ENCRYPTION_KEYS_PREVIOUS))


def keyring_problems() -> list[str]:
    """Return what is wrong with the keys in the settings, a sentence each, without any key."""
    return _problems(settings.ENCRYPTION_KEY, settings.ENCRYPTION_KEYS_PREVIOUS)


def fingerprint_of(key: bytes) -> str:
    """Return the public name of a master key: 16 hex digits that say nothing about the key itself."""
    return sha256(_FINGERPRINT_LABEL + key).hexdigest()[:_FINGERPRINT_CHARACTERS]


@lru_cache(maxsize=4)
def _build(current: str, previous: tuple[str, ...]) -> Keyring:
    if problems := _problems(current, previous):
        raise KeyNotAtHandError(" ".join(problems))
    keys = [bytes.fromhex(text) for text in (current, *previous)]
    # A key that is current and listed as previous too is one key: the second mention changes nothing.
    return Keyring(fingerprint_of(keys[0]), {fingerprint_of(key): KeyWrapper(key) for key in keys})


def _problems(current: str, previous: Sequence[str]) -> list[str]:
    problems = []
    if not current:
        problems.append(
            "ENCRYPTION_KEY is not set: without it no stored credential can be read or written. "
            "`manage.py generate_encryption_key` prints a new one."
        )
    elif not _KEY_FORMAT.fullmatch(current):
        problems.append("ENCRYPTION_KEY must be 64 hexadecimal characters (32 bytes).")
    problems.extend(
        f"ENCRYPTION_KEYS_PREVIOUS: key {position} of {len(previous)} must be 64 hexadecimal characters (32 bytes)."
        for position, text in enumerate(previous, start=1)
        if not _KEY_FORMAT.fullmatch(text)
    )
    return problems


def _binding(data_key_id: UUID, tenant_id: UUID | None) -> bytes:
    tenant = b"t" + tenant_id.bytes if tenant_id is not None else b"p" + bytes(16)
    return b"signalbox:v1:data-key," + tenant + data_key_id.bytes
