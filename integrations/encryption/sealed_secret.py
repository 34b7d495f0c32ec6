"""Secrets as they come from the database: ciphertext that is opened when, and only when, it is revealed."""

from __future__ import annotations

from time import perf_counter

from integrations.encryption import data_keys
from integrations.encryption.cipher import CipherError, StoredValue, UnknownVersionError, stored_prefix
from integrations.encryption.current_value import lock_if_current
from integrations.encryption.errors import (
    DestroyedKeyError,
    EncryptionError,
    KeyNotAtHandError,
    UnboundSecretError,
    UnreadableSecretError,
)
from integrations.encryption.place import Place
from integrations.encryption.secret import Secret
from integrations.process_metrics import ENCRYPTION, metrics


class SealedSecret(Secret):
    """A stored value and the place it was loaded from. Keeps no plain text: each `reveal()` decrypts again.

    The place is fixed when the row is loaded. Were it worked out when the value is read, a copy of the row or a
    move to another tenant would try to open the old ciphertext under the new identity.
    """

    __slots__ = ("_place", "_stored")

    def __init__(self, stored: str, place: Place | None = None) -> None:
        self._stored = stored
        self._place = place

    @property
    def stored(self) -> str:
        """The ciphertext in its stored form."""
        return self._stored

    @property
    def place(self) -> Place | None:
        """Where it opens; None when it was read without its row."""
        return self._place

    def bound_to(self, place: Place) -> SealedSecret:
        return SealedSecret(self._stored, place)

    def reveal(self) -> str:
        """Decrypt and return the value.

        Raises:
            KeyNotAtHandError: this process lacks the key; the value itself may be perfectly fine.
            UnreadableSecretError: the key is here and the value does not open under it, or its key was destroyed.
            UnboundSecretError: it came from `values()`.
        """
        if self._place is None:
            raise UnboundSecretError(
                "A secret from values() or values_list() belongs to no row and cannot be opened: load the object."
            )
        return open_stored(self._stored, self._place)


class DumpedSecret(SealedSecret):
    """Ciphertext from a fixture on its way into its row; only `loaddata` makes and stores these."""

    __slots__ = ()


def seal(secret: Secret, place: Place) -> SealedSecret:
    """Return the secret encrypted for a place, inside the transaction that is going to store it.

    A value that is sealed for this very place under the active data key stays byte for byte as it is, readable or
    not; any other is opened where it was and encrypted anew. So no value comes to stand under a retired key again
    after the rotation has looked for the last one, however long ago its object was loaded. One that does not open is
    kept if it is what the row holds anyway.

    Raises what `reveal()` and `data_keys.active_cipher` raise.
    """
    cipher = data_keys.active_cipher(place.tenant)
    at_home = secret if isinstance(secret, SealedSecret) and secret.place == place else None
    if at_home is not None and at_home.stored.startswith(stored_prefix(cipher.key_id)):
        return at_home
    try:
        plaintext = secret.reveal()
    except EncryptionError:
        if at_home is not None and lock_if_current(place, at_home.stored):
            return at_home
        raise
    started = perf_counter()
    sealed = cipher.seal(plaintext, place.associated_data())
    metrics.add((ENCRYPTION, "seal", "ok"), perf_counter() - started)
    return SealedSecret(sealed, place)


def open_stored(stored: str, place: Place) -> str:
    """Return the plain text of a stored value; raises as `SealedSecret.reveal` says."""
    started, outcome = perf_counter(), "error"
    try:
        plaintext, outcome = _open(stored, place), "ok"
    except EncryptionError as error:
        outcome = error.outcome
        raise
    finally:
        metrics.add((ENCRYPTION, "open", outcome), perf_counter() - started)
    return plaintext


def _open(stored: str, place: Place) -> str:
    try:
        value = StoredValue.parse(stored)
        return data_keys.cipher_of(value.key_id).open(value, place.associated_data())
    except CipherError:
        raise UnreadableSecretError(place, stored) from None
    except data_keys.DataKeyDestroyed:
        raise DestroyedKeyError(place, stored) from None
    except UnknownVersionError:
        raise KeyNotAtHandError(
            f"The stored value in {place} was written by a later release of Signalbox than this process runs."
        ) from None


def is_stored_form(text: str) -> bool:
    """Whether a text is spelled like a stored value. Says nothing about whether it opens."""
    try:
        StoredValue.parse(text)
    except (CipherError, UnknownVersionError):
        return False
    return True
