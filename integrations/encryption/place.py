"""Where an encrypted value belongs, and the bytes that bind it there."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple
from uuid import UUID


class Place(NamedTuple):
    """The one place in which a ciphertext opens: a field (or a key of a JSON field) of one row of one tenant."""

    model: str
    """The model's label, such as `webhooks.Webhook`."""
    field: str
    key: str | None
    """The key inside a JSON field; None in a text field."""
    row: UUID
    tenant: UUID | None
    """None: the row belongs to the platform."""

    def associated_data(self) -> bytes:
        """Return the additional authenticated data of the place; no two places share the same bytes.

        The label and the field name are netstrings (length, colon, text); the tenant has a marker byte and 16
        bytes, the row 16 bytes, the key a marker byte and the rest. So every part starts where the ones before
        it end, whatever characters a key holds.
        """
        tenant = b"t" + self.tenant.bytes if self.tenant is not None else _PLATFORM
        key = b"k" + self.key.encode("utf-8", "surrogatepass") if self.key is not None else b"-"
        return _column(self.model, self.field) + tenant + self.row.bytes + key

    def __str__(self) -> str:
        key = f"[{self.key!r}]" if self.key is not None else ""
        return f"{self.model}.{self.field}{key} of row {self.row}"


_PLATFORM = b"p" + bytes(16)


@cache
def _column(model: str, field: str) -> bytes:
    """The part that all values of a column share; there are as many as there are encrypted columns."""
    return b"signalbox:v1:value," + _netstring(model) + _netstring(field)


def _netstring(text: str) -> bytes:
    encoded = text.encode()
    return b"%d:%b," % (len(encoded), encoded)
