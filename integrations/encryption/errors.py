"""Why a secret cannot be read or written. None of these errors holds a value."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from integrations.encryption.place import Place


class EncryptionError(Exception):
    """A secret cannot be read or written."""

    outcome: ClassVar[str] = "error"
    """The word under which it is counted."""


class KeyNotAtHandError(EncryptionError):
    """This process lacks the master key or the data key: it is misconfigured, or older than a rotation.

    Says nothing about the stored value: retry elsewhere or later and raise an alarm, but mark nothing.
    """

    outcome: ClassVar[str] = "key_not_at_hand"


class UnreadableSecretError(EncryptionError):
    """The key is at hand and the stored value does not open under it: it was tampered with, or moved here.

    The calling service marks the row with `unreadable.mark_unreadable`, in a transaction of its own. Nothing
    writes the value back.
    """

    outcome: ClassVar[str] = "unreadable"
    reason: ClassVar[str] = "does not open under its key: it was changed or moved here from another place"

    def __init__(self, place: Place, stored: str) -> None:
        super().__init__(f"The stored value in {place} {self.reason}.")
        self.place = place
        # The ciphertext: whoever marks the row makes sure that this value is still the one in it.
        self.stored = stored

    @property
    def model_label(self) -> str:
        return self.place.model

    @property
    def field(self) -> str:
        return self.place.field

    @property
    def json_key(self) -> str | None:
        return self.place.key

    @property
    def pk(self) -> UUID:
        return self.place.row


class DestroyedKeyError(UnreadableSecretError):
    """The data key was destroyed on purpose (its tenant was deleted): nobody will ever read the value again."""

    outcome: ClassVar[str] = "key_destroyed"
    reason: ClassVar[str] = "is gone for ever: its data key was destroyed"


class UnboundSecretError(EncryptionError):
    """A secret from `values()` or `values_list()` was opened. It belongs to no row: load the object instead."""
