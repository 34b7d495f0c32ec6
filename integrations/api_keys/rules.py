"""What a key may be set to. Pure rules: nothing is read or written."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, TypedDict

from integrations.errors import InvalidInputError
from integrations.scopes import Scope, is_known

MAX_NAME_LENGTH: Final = 100
MAX_NETWORKS: Final = 20
MAX_RATE_LIMIT: Final = 1_000_000
_MOST_NAMED: Final = 5
_INVISIBLE: Final = frozenset({"Cc", "Cs"})

Network = IPv4Network | IPv6Network


class KeyFields(TypedDict, total=False):
    """What can be given when a key is made or changed; what is left out stays as it is."""

    name: str
    scopes: list[str]
    allowed_networks: list[str]
    rate_limit: int
    expires_at: datetime | None


def cleaned(given: KeyFields, *, now: datetime) -> KeyFields:
    """Return the values as they are stored. Raises InvalidInputError that names each wrong field and the way out."""
    clean: dict[str, object] = {}
    problems: dict[str, list[str]] = {}
    rules: Mapping[str, Callable[[object], object]] = {
        "name": _clean_name,
        "scopes": _clean_scopes,
        "allowed_networks": _clean_networks,
        "rate_limit": _clean_rate_limit,
        "expires_at": lambda value: _clean_expiry(value, now),
    }
    for field, value in given.items():
        try:
            clean[field] = rules[field](value)
        except ValueError as problem:
            problems[field] = [str(problem)]
    if problems:
        raise InvalidInputError(problems)
    return clean  # type: ignore[return-value]  # each rule returns its field's type


@lru_cache(maxsize=4096)
def network(text: str) -> Network:
    """Return a stored network, which every check of a key reads."""
    return ip_network(text)


def _clean_name(value: object) -> str:
    name = value.strip() if isinstance(value, str) else ""
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise ValueError(f"Give it 1 to {MAX_NAME_LENGTH} characters.")
    if any(unicodedata.category(character) in _INVISIBLE for character in name):
        raise ValueError("Contains a control character.")
    return name


def _clean_scopes(value: object) -> list[str]:
    scopes = _texts(value)
    known = f"Known are {', '.join(Scope)}, all of an area as in webhooks:*, and * for everything."
    if not scopes:
        raise ValueError(f"Name at least one: a key without scopes may do nothing. {known}")
    if unknown := [scope for scope in scopes if not is_known(scope)]:
        named = ", ".join(scope[:64] for scope in unknown[:_MOST_NAMED])
        raise ValueError(f"Unknown: {named}. {known}")
    return sorted(set(scopes))


def _clean_networks(value: object) -> list[str]:
    texts = _texts(value)
    if len(texts) > MAX_NETWORKS:
        raise ValueError(f"At most {MAX_NETWORKS} networks: join neighbours into larger ones.")
    return list(dict.fromkeys(str(_read_network(text)) for text in texts))


def _read_network(text: str) -> Network:
    shown = text[:64]
    try:
        read = ip_network(text.strip(), strict=False)
        exact = ip_network(text.strip().partition("/")[0])
    except ValueError:
        raise ValueError(f"{shown} is no network: write it as 203.0.113.0/24 or 2001:db8::/32.") from None
    if "%" in text:
        raise ValueError(f"{shown} names a zone, which no address has that reaches us: leave it out.")
    if exact.network_address != read.network_address:
        raise ValueError(f"{shown} is an address in a network: write {read} or {exact.network_address}.")
    if read.version == 6 and read.network_address.ipv4_mapped is not None:
        raise ValueError(f"{shown} is IPv4 in IPv6's clothes: write the IPv4 network.")
    return read


def _clean_rate_limit(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_RATE_LIMIT:
        raise ValueError(f"Must be a whole number from 1 to {MAX_RATE_LIMIT:,} requests per hour.")
    return value


def _clean_expiry(value: object, now: datetime) -> datetime | None:
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("Must be a time with its zone, such as 2030-01-31T12:00:00Z, or null.")
    if value <= now:
        raise ValueError("Must be in the future. To end a key now, revoke it.")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError("Must be a list of strings.")
    return list(value)
