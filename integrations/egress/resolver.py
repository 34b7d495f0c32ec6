"""Name resolution and connection under the guard, for aiohttp.

Every address that a name leads to is checked, and the connection goes to the checked address itself, so that a name
that changes its answer between check and use (DNS rebinding) gains nothing. Addresses that stand in the URL never
pass a resolver; the socket factory checks those, and everything else once more, at the last moment before connecting.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from integrations.egress.addresses import is_allowed
from integrations.egress.errors import RefusedAddressError

Lookup = Callable[..., list[Any]]
# Lookups that hang hold a thread each until the system's resolver gives up; the others need threads meanwhile.
LOOKUP_THREADS = 64


class GuardedResolver(AbstractResolver):
    """Resolves names with the system's resolver, in threads, and answers with allowed addresses only."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="dns")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the allowed addresses of `host`; RefusedAddressError if it has only others, OSError if it has none."""
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._look_up, host, port, family)
        allowed = [
            ResolveResult(
                hostname=host,
                host=address[0],
                port=port,
                family=address_family,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address_family, _, protocol, _, address in found
            if is_allowed(address[0])
        ]
        if not allowed:
            raise RefusedAddressError(host)
        return allowed

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _look_up(self, host: str, port: int, family: socket.AddressFamily) -> list[Any]:
        try:
            found = self._lookup(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        except UnicodeError as error:  # a label that is empty or too long
            raise OSError(f"{host} is not a valid host name") from error
        if not found:
            raise OSError(f"{host} has no address")
        return found


def guarded_socket(address_info: tuple[Any, ...]) -> socket.socket:
    """Make the socket of one connection (aiohttp's `socket_factory`), unless its address is not allowed."""
    family, kind, protocol, _, address = address_info
    if not is_allowed(address[0]):
        raise RefusedAddressError(str(address[0]))
    return socket.socket(family=family, type=kind, proto=protocol)
