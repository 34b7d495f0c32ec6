"""Name resolution under the guard, for asyncio: allowed addresses only, and remembered for a moment."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence

from integrations.egress.lookup import AddressInfo, Lookup, Lookups, refuse_private

REMEMBERED_SECONDS = 10.0
_MAX_REMEMBERED = 10_000

_Key = tuple[str, int]


class GuardedResolver:
    """Resolves names with the system's resolver, in threads. Used within one event loop."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookups = Lookups(lookup)
        self._found: dict[_Key, tuple[float, Sequence[AddressInfo]]] = {}
        self._asking: dict[_Key, asyncio.Future[Sequence[AddressInfo]]] = {}

    async def resolve(self, host: str, port: int) -> Sequence[AddressInfo]:
        """Return the addresses of `host`; RefusedAddressError if one is not allowed, OSError if it has none.

        Who asks for a name that is being resolved waits for the same answer. Whoever stops waiting leaves the lookup to
        itself: it cannot be interrupted, and holds nothing but a thread.
        """
        key = (host, port)
        known = self._found.get(key)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_SECONDS:
            return known[1]
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._ask(key))
            asking.add_done_callback(lambda ended: self._end(key, ended))
        return await asyncio.shield(asking)

    async def _ask(self, key: _Key) -> Sequence[AddressInfo]:
        host, port = key
        found = await asyncio.wrap_future(self._lookups.start(host, port))
        refuse_private(host, found)
        if len(self._found) >= _MAX_REMEMBERED:
            self._found.clear()
        self._found[key] = time.monotonic(), found
        return found

    def _end(self, key: _Key, ended: asyncio.Future[Sequence[AddressInfo]]) -> None:
        del self._asking[key]
        if not ended.cancelled():
            ended.exception()  # whoever waited has seen it; if nobody did any more, it is no news
