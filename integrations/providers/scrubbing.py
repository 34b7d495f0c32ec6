"""Keeping an integration's secrets out of what its provider answers: messages, identities and the data of tests."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from typing import Final
from urllib.parse import quote, quote_plus

from integrations.encryption.masking import HIDDEN

# Shorter values hide nothing worth hiding and would blot out ordinary words.
_SHORTEST: Final = 4
# Of a value in Base64, what is left of the shortest that is looked for: fewer characters stand in ordinary text.
_SHORTEST_ENCODED: Final = 8
_MAX_DEPTH: Final = 6


class Scrubber:
    """Replaces secrets wherever they turn up, also as JSON, a URL, Base64 or hexadecimal digits would write them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._needles: list[str] = []
        self.protect(*secrets)

    def protect(self, *secrets: str) -> None:
        """Look for these, too, from now on."""
        found = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        # The longest first: a secret that contains another must not survive in part.
        self._needles = sorted({*self._needles, *found}, key=len, reverse=True)

    def text(self, text: str, *, max_length: int) -> str:
        """Return `text` without secrets and without what PostgreSQL refuses, then cut."""
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, HIDDEN)
        text = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
        return text if len(text) <= max_length else text[: max_length - 1] + "…"

    def json(self, value: object, *, max_length: int, depth: int = _MAX_DEPTH) -> object:
        """Return plain JSON data without secrets, in names neither; what lies deeper than six levels is left out."""
        if value is None or isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
            return value
        if isinstance(value, str):
            return self.text(value, max_length=max_length)
        if depth and isinstance(value, Mapping):
            return {
                self.text(str(name), max_length=max_length): self.json(inner, max_length=max_length, depth=depth - 1)
                for name, inner in value.items()
            }
        if depth and isinstance(value, list | tuple | set | frozenset):
            return [self.json(inner, max_length=max_length, depth=depth - 1) for inner in value]
        return None


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    encoded = secret.encode("utf-8", "surrogatepass")
    yield encoded.hex()
    yield encoded.hex().upper()
    for form in _base64_forms(encoded):
        if len(form) >= _SHORTEST_ENCODED:
            yield form


def _base64_forms(secret: bytes) -> Iterator[str]:
    """Yield what of the secret's own bits stands in Base64 of any text around it: it may begin at three places."""
    for offset in range(3):
        padded = b"\0" * offset + secret
        whole = len(padded) // 3 * 4  # the rest depends on what follows
        start = (0, 2, 3)[offset]
        for encode in (b64encode, urlsafe_b64encode):
            yield encode(padded).decode().rstrip("=")[start:whole]
    yield b64encode(secret).decode().rstrip("=")
    yield urlsafe_b64encode(secret).decode().rstrip("=")
