"""Trying the keys on a stored value, since a key that fits by name may still not be the right one."""

from __future__ import annotations

from typing import Final

from config.models import CANARY_ID, EncryptionCanary
from integrations.encryption.errors import EncryptionError

_VALUE: Final = "it sings"


def canary_problems() -> list[str]:
    """Open the stored canary (and store one where there is none yet); return what is wrong, a sentence each.

    Safe beside itself. Raises DatabaseError.
    """
    try:
        canary = EncryptionCanary.objects.filter(id=CANARY_ID).first()
        if canary is None:
            EncryptionCanary.objects.bulk_create([EncryptionCanary(value=_VALUE)], ignore_conflicts=True)
            canary = EncryptionCanary.objects.get(id=CANARY_ID)
        if canary.value.reveal() != _VALUE:
            return [
                "The encryption canary opens and holds another value than was stored: the table was changed by hand."
            ]
    except EncryptionError as error:
        return [f"The encryption canary does not open: {error}"]
    return []
