"""Values and data keys under AES-256-GCM: the stored form, and nothing about where keys come from."""

from __future__ import annotations

import re
from binascii import unhexlify
from os import urandom
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
IV_BYTES = 12
TAG_BYTES = 16

_VERSION = "v1"
_LATER_VERSION = re.compile(r"(v(?!1:)[1-9][0-9]{0,2}):")


class CipherError(Exception):
    """Does not open: other key, other place, or other bytes than were sealed. Never says which."""


class UnknownVersionError(Exception):
    """A stored form of a later release of Signalbox."""


class StoredValue(NamedTuple):
    """The parts of a stored value, `v1:{data key id}:{iv}:{tag}:{ciphertext}`, each in lower-case hex."""

    key_id: str
    """The data key's id as 32 hex digits."""
    iv: bytes
    sealed: bytes
    """Ciphertext and tag, in the order in which AES-GCM implementations take them."""

    @classmethod
    def parse(cls, stored: str) -> StoredValue:
        """Read the stored form.

        There is exactly one spelling of a value: upper-case digits, blanks and other lengths are refused.

        Raises:
            UnknownVersionError: written by a later release.
            CipherError: anything else that is no stored form.
        """
        try:
            version, key_id, iv_hex, tag_hex, ciphertext_hex = stored.split(":")
            key, iv, tag, ciphertext = (
                unhexlify(key_id),
                unhexlify(iv_hex),
                unhexlify(tag_hex),
                unhexlify(ciphertext_hex),
            )
        except ValueError:
            raise _refusal(stored) from None
        lengths = (len(key), len(iv), len(tag))
        if version != _VERSION or lengths != (16, IV_BYTES, TAG_BYTES) or stored != stored.lower():
            raise _refusal(stored)
        return cls(key_id, iv, ciphertext + tag)


def stored_prefix(key_id: UUID) -> str:
    """Return what every stored value of a data key begins with, and no other value does."""
    return f"{_VERSION}:{key_id.hex}:"


def _refusal(stored: str) -> CipherError | UnknownVersionError:
    is_later = _LATER_VERSION.match(stored)
    return UnknownVersionError(is_later[1]) if is_later else CipherError("not a stored value")


class DataKeyCipher:
    """A data key at work: seals and opens values. Holds the key only inside the AES object."""

    __slots__ = ("_aes", "_prefix", "key_id")

    def __init__(self, key_id: UUID, key: bytes) -> None:
        self.key_id = key_id
        self._aes = AESGCM(_checked(key))
        self._prefix = stored_prefix(key_id)

    def seal(self, plaintext: str, associated_data: bytes) -> str:
        """Encrypt under a fresh random IV and return the stored form."""
        iv = urandom(IV_BYTES)
        sealed = self._aes.encrypt(iv, plaintext.encode(), associated_data).hex()
        split = len(sealed) - 2 * TAG_BYTES
        return f"{self._prefix}{iv.hex()}:{sealed[split:]}:{sealed[:split]}"

    def open(self, value: StoredValue, associated_data: bytes) -> str:
        """Return the plain text. Raises CipherError when it is not exactly what was sealed here."""
        try:
            return self._aes.decrypt(value.iv, value.sealed, associated_data).decode()
        except InvalidTag:
            raise CipherError("does not open") from None


class KeyWrapper:
    """A master key at work: wraps and unwraps data keys."""

    __slots__ = ("_aes",)

    def __init__(self, master_key: bytes) -> None:
        self._aes = AESGCM(_checked(master_key))

    def wrap(self, key: bytes, associated_data: bytes) -> str:
        """Return IV, ciphertext and tag of a data key as hex, under a fresh random IV."""
        iv = urandom(IV_BYTES)
        return (iv + self._aes.encrypt(iv, _checked(key), associated_data)).hex()

    def unwrap(self, wrapped: str, associated_data: bytes) -> bytes:
        """Return the data key. Raises CipherError when the wrapped form was changed or belongs elsewhere."""
        try:
            sealed = unhexlify(wrapped)
            return _checked(self._aes.decrypt(sealed[:IV_BYTES], sealed[IV_BYTES:], associated_data))
        except (InvalidTag, ValueError):
            raise CipherError("does not open") from None


def _checked(key: bytes) -> bytes:
    if len(key) != KEY_BYTES:  # AESGCM itself would quietly take 16 or 24 bytes, and be AES-128 or AES-192
        raise ValueError(f"An AES-256 key has {KEY_BYTES} bytes, not {len(key)}.")
    return key
