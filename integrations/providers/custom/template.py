"""`{{name}}` in headers, paths, queries and bodies stands for one of an integration's named credentials."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import quote

from integrations.providers.outcome import ProviderError, Result

_PLACE: Final = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*\}\}")


def fill(text: str, credentials: Mapping[str, str], *, escape: Callable[[str], str] = str) -> str:
    """Return `text` with each `{{name}}` replaced, once: what a value holds itself is not looked at.

    Raises ProviderError for a name that has no value.
    """

    def value(place: re.Match[str]) -> str:
        name = place[1]
        if name not in credentials:
            message = f"The name {name} stands for nothing: add {name} to the named credentials."
            raise ProviderError(Result.BAD_CREDENTIALS, message)
        return escape(credentials[name])

    return _PLACE.sub(value, text)


def fill_address(text: str, credentials: Mapping[str, str]) -> str:
    """Fill a path or query, percent-encoding the values, so that none of them is more than one part of it."""
    return fill(text, credentials, escape=lambda value: quote(value, safe=""))
