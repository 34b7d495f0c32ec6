"""Name resolution and connection under the guard, for aiohttp.

Every address that a name leads to is checked, and the connection goes to the checked address itself, so that a name
that changes its answer between check and use (DNS rebinding) gains nothing. Addresses that stand in the URL never
pass a resolver; the socket factory checks those, and everything else once more, at the last moment before connecting.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from integrations.egress.addresses import is_allowed
from integrations.egress.errors import RefusedAddressError
from integrations.egress.lookup import Lookup, Lookups, refuse_private


class GuardedResolver(AbstractResolver):
    """Resolves names with the system's resolver, in threads, and answers with allowed addresses only."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookups = Lookups(lookup)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of `host`; RefusedAddressError if one is not allowed, OSError if it has none."""
        found = await asyncio.wrap_future(self._lookups.start(host, port, family))
        refuse_private(host, found)
        return [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=port,
                family=address_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address_family, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Leave lookups that still run to themselves: they hold nothing but a thread."""


def guarded_socket(address_info: tuple[Any, ...]) -> socket.socket:
    """Make the socket of one connection (aiohttp's `socket_factory`), unless its address is not allowed."""
    family, kind, protocol, _, address = address_info
    if not is_allowed(address[0]):
        raise RefusedAddressError(str(address[0]))
    return socket.socket(family=family, type=kind, proto=protocol)
