"""A value that is never shown whole."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn, Self

from integrations.encryption.masking import HIDDEN, mask


class Secret:
    """A secret value in memory. `reveal()` is the only way in.

    Its repr, str and format never show the value; it cannot be pickled and no JSON encoder takes it. It does not
    change, so a copy is the object itself. Two secrets are equal only when they are the same object: comparing
    the values is `matches()`, which takes the same time wherever they differ.
    """

    __slots__ = ("_plaintext",)

    _plaintext: str

    def __init__(self, plaintext: str) -> None:
        """Take the value to protect.

        Raises:
            TypeError: it is no `str`.
            ValueError: it holds a lone surrogate, which no encoding can store.
        """
        if not isinstance(plaintext, str):
            raise TypeError(f"A Secret takes a str, not {type(plaintext).__name__}.")
        try:
            plaintext.encode()
        except UnicodeEncodeError:
            # Without its cause: a UnicodeEncodeError carries the whole value.
            raise ValueError("A Secret must be valid Unicode text: this one holds a lone surrogate.") from None
        self._plaintext = plaintext

    def reveal(self) -> str:
        """Return the value itself. Use it where it is sent, and keep it in no variable that outlives that."""
        return self._plaintext

    def masked(self) -> str:
        """Return what may be shown of it (`masking.mask`). Raises what `reveal()` raises."""
        return mask(self.reveal())

    def matches(self, other: str | Secret) -> bool:
        """Whether the values are equal, compared in constant time. Raises what `reveal()` raises."""
        value = other.reveal() if isinstance(other, Secret) else other
        return hmac.compare_digest(self.reveal().encode(), value.encode("utf-8", "surrogatepass"))

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{HIDDEN}')"

    def __str__(self) -> str:
        return HIDDEN

    def __format__(self, format_spec: str) -> str:
        return format(HIDDEN, format_spec)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(
            "A Secret cannot be pickled: it would leave this process in plain text. "
            "Pass the id of its row and load it where it is needed."
        )
