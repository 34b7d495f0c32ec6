"""What an idempotency key is, wherever one is given."""

from __future__ import annotations

import re
from typing import Final

MAX_KEY_LENGTH: Final = 255
# What a header can carry.
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
WHAT_A_KEY_IS: Final = f"Give 1 to {MAX_KEY_LENGTH} characters of printable ASCII, without blanks around."


def is_key(key: object) -> bool:
    """Tell whether a value may be an idempotency key: `WHAT_A_KEY_IS` says it to whoever gave another."""
    return isinstance(key, str) and len(key) <= MAX_KEY_LENGTH and _KEY.fullmatch(key) is not None
