"""Read the process environment for `config.settings`.

Every variable may also be given as `NAME_FILE`, the path of a mounted secret (django-environ's mapping). What is missing or contradictory
is collected, not raised at once: an operator sees all problems in one start, and a command that needs no keys
(`generate_encryption_key`) still runs. `integrations.checks` and `config.startup` report the collected problems.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeVar

from environ.fileaware_mapping import FileAwareMapping

T = TypeVar("T")
Network = IPv4Network | IPv6Network


class Environment:
    """Values of environment variables, and the problems found while reading them."""

    def __init__(self, variables: MutableMapping[str, str] | None = None) -> None:
        self._variables = FileAwareMapping(os.environ if variables is None else variables, cache=False)
        self.problems: list[str] = []

    def text(self, *names: str, default: str = "") -> str:
        """Return the first of `names` (or `NAME_FILE`) that is set; names that disagree are a problem."""
        values = {name: value for name in names if (value := self._read(name))}
        if len(set(values.values())) > 1:
            self.problems.append(f"{' and '.join(values)} are both set and differ: keep one of them.")
        return next(iter(values.values()), default)

    def parsed(self, name: str, parse: Callable[[str], T], default: T, expected: str) -> T:
        """Return the variable through `parse`; a ValueError becomes a problem that says what was expected."""
        raw = self.text(name)
        if not raw:
            return default
        try:
            return parse(raw)
        except ValueError:
            self.problems.append(f"{name} must be {expected}.")
            return default

    def integer(self, name: str, default: int) -> int:
        return self.parsed(name, int, default, "a whole number")

    def boolean(self, name: str, *, default: bool) -> bool:
        return self.parsed(name, _boolean, default, "true or false")

    def items(self, name: str, default: str = "") -> list[str]:
        """Return a comma-separated variable as a list without blanks."""
        return [item.strip() for item in self.text(name, default=default).split(",") if item.strip()]

    def networks(self, name: str, *, default: list[str]) -> list[Network]:
        """Return a comma-separated list of networks in CIDR form."""
        return self.parsed(
            name, _networks, [ip_network(item) for item in default], "a list such as 10.0.0.0/8, ::1/128"
        )

    def _read(self, name: str) -> str:
        try:
            return str(self._variables.get(name, "")).strip()
        except OSError as error:
            self.problems.append(f"{name}_FILE names {error.filename}, which cannot be read: {error.strerror}.")
            return ""


def _networks(raw: str) -> list[Network]:
    return [ip_network(item.strip()) for item in raw.split(",")]


def _boolean(raw: str) -> bool:
    lowered = raw.lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off"}:
        return False
    raise ValueError(raw)
