"""Nobody gives a key more than they have themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from integrations.api_keys.models import APIKey
from integrations.api_keys.rules import network
from integrations.errors import NotAllowedError
from integrations.scopes import allows


@dataclass(frozen=True, slots=True)
class Authority:
    """What somebody may do, and under which conditions. None in a condition is: without that condition."""

    scopes: frozenset[str]
    allowed_networks: tuple[str, ...] = ()
    """Empty: from everywhere."""
    rate_limit: int | None = None
    expires_at: datetime | None = None

    @classmethod
    def of(cls, key: APIKey) -> Self:
        """Return what a key may do."""
        return cls(frozenset(key.scopes), tuple(key.allowed_networks), key.rate_limit, key.expires_at)

    def require_to_cover(self, key: APIKey) -> None:
        """Raise NotAllowedError, with what is too much, when `key` may do something that this may not."""
        if beyond := [scope for scope in key.scopes if not allows(self.scopes, scope)]:
            raise NotAllowedError(f"You cannot give scopes that you do not have: {', '.join(beyond)}.")
        if self.allowed_networks and not _lie_within(key.allowed_networks, self.allowed_networks):
            raise NotAllowedError(
                f"This key works from some networks only, and so must one that it makes or changes: "
                f"choose allowed_networks within {', '.join(self.allowed_networks)}."
            )
        if self.rate_limit is not None and key.rate_limit > self.rate_limit:
            raise NotAllowedError(f"You cannot give a higher rate_limit than your own, {self.rate_limit}.")
        if self.expires_at is not None and (key.expires_at is None or key.expires_at > self.expires_at):
            raise NotAllowedError(
                f"This key expires, and so must one that it makes or changes: choose expires_at no later than "
                f"{self.expires_at.isoformat()}."
            )


def _lie_within(inner: Sequence[str], outer: Sequence[str]) -> bool:
    """Tell whether every network of `inner`, of which none means everywhere, lies in one of `outer`."""
    limits = [network(text) for text in outer]
    return bool(inner) and all(
        any(
            limit.version == given.version and given.subnet_of(limit)  # type: ignore[arg-type]  # the same version
            for limit in limits
        )
        for given in map(network, inner)
    )
