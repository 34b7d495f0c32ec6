"""The text of an API key: `sb_live_<id>_<secret><checksum>`.

- `id`: 16 random base62 characters. Public; `sb_live_<id>` is what lists show and what finds the row.
- `secret`: 32 random bytes as 43 base62 digits, zero padded.
- `checksum`: CRC-32 (as in zlib) of everything before it, as 6 base62 digits, zero padded. It costs an attacker nothing;
  it lets us answer a typing mistake without a query, and lets secret scanners tell keys from look-alikes.

Base62 digits are `0-9A-Za-z` in this order, the most significant first.
"""

from __future__ import annotations

import re
import secrets
import zlib
from dataclasses import dataclass, field
from typing import Final, Self

START: Final = "sb_live_"
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_CHARACTERS: Final = 16
SECRET_BYTES: Final = 32
SECRET_CHARACTERS: Final = 43  # the least that hold 256 bits: 62 ** 43 > 2 ** 256
CHECKSUM_CHARACTERS: Final = 6  # 62 ** 6 > 2 ** 32
PATTERN: Final = r"sb_live_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}"
"""For secret scanners; `KeyText.parse` says whether a match's checksum is right, too."""
_KEY: Final = re.compile(PATTERN, re.ASCII)


@dataclass(frozen=True, slots=True)
class KeyText:
    """A key whose form and checksum are right. `text` is the whole of it and never shown by repr."""

    prefix: str
    text: str = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """Return a new key from the operating system's randomness."""
        prefix = START + "".join(secrets.choice(_DIGITS) for _ in range(ID_CHARACTERS))
        secret = base62(int.from_bytes(secrets.token_bytes(SECRET_BYTES)), SECRET_CHARACTERS)
        body = f"{prefix}_{secret}"
        return cls(prefix, body + _checksum(body))

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the key that a text is, or None for one with a typing mistake or of another form."""
        if not _KEY.fullmatch(text) or _checksum(text[:-CHECKSUM_CHARACTERS]) != text[-CHECKSUM_CHARACTERS:]:
            return None
        return cls(text[: len(START) + ID_CHARACTERS], text)


def base62(number: int, characters: int) -> str:
    """Return a number in exactly this many digits. Raises OverflowError when it needs more."""
    digits = ""
    for _ in range(characters):
        number, rest = divmod(number, len(_DIGITS))
        digits = _DIGITS[rest] + digits
    if number:
        raise OverflowError(f"The number needs more than {characters} base62 digits.")
    return digits


def _checksum(body: str) -> str:
    return base62(zlib.crc32(body.encode("ascii")), CHECKSUM_CHARACTERS)
