"""Making what an endpoint answered fit to be stored: text, short, and without the webhook's own secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

HIDDEN: Final = "***"
KEPT_BYTES: Final = 16 * 1024
MAX_MESSAGE: Final = 500
# Shorter values hide nothing worth hiding and would blot out ordinary words.
_SHORTEST_SECRET: Final = 4
_SHORTEST_PATH: Final = 8
_CHARSETS: Final = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "latin-1", "windows-1252", "cp1252"})


class Redactor:
    """Replaces the given secrets wherever they turn up, also as JSON or a URL would write them."""

    def __init__(self, secrets: Iterable[str], *, url: str) -> None:
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        needles = {secret for secret in secrets if len(secret) >= _SHORTEST_SECRET}
        needles |= {json.dumps(needle)[1:-1] for needle in needles} | {quote(needle, safe="") for needle in needles}
        # An address is a credential where its path is a random token, as with many workflow tools.
        if len(path) >= _SHORTEST_PATH:
            needles |= {url, path}
        # The longest first: a secret that contains another must not survive in part.
        self._needles = sorted(needles, key=len, reverse=True)

    def clean(self, text: str) -> str:
        for needle in self._needles:
            if needle in text:
                text = text.replace(needle, HIDDEN)
        return text

    def stored_body(self, body: bytes, content_type: str) -> str:
        """Return the text of an answer's body, cleaned and then cut to 16 KiB."""
        text = self.clean(_storable(body.decode(_charset(content_type), "replace")))
        encoded = text.encode()
        return text if len(encoded) <= KEPT_BYTES else encoded[:KEPT_BYTES].decode("utf-8", "ignore")

    def stored_message(self, message: str) -> str:
        return self.clean(_storable(message))[:MAX_MESSAGE]


def _storable(text: str) -> str:
    """Replace what PostgreSQL refuses in a text: NUL and lone surrogates."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def _charset(content_type: str) -> str:
    """Return the declared charset if it is one of the plain ones: others cost time that the sender decides about."""
    _, _, declared = content_type.lower().partition("charset=")
    name = declared.partition(";")[0].strip(" \"'")
    return name if name in _CHARSETS else "utf-8"
