"""The part of a provider's host that is the customer's own: `acme` of `acme.example.com`.

A value becomes part of an address that is sent credentials, so nothing but one label of a host name (RFC 1123) passes: no
dot, slash, port or user information could lead to another host.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
LABEL_LENGTH: Final = 63
# A pasted address is longer than the label that is kept of it.
PASTED_LENGTH: Final = 300


def label_before(suffix: str) -> Callable[[str], str]:
    """Return a function that takes the customer's label out of a host or address that ends with `suffix`.

    Anything else comes back in lower case, for a pattern to refuse.
    """

    def label_of(text: str) -> str:
        host = text.lower()
        if host.startswith("https://"):
            host = host.removeprefix("https://").partition("/")[0]
        return host.removesuffix(suffix)

    return label_of
