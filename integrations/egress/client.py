"""Guarded HTTP requests, many at once, for asyncio: checked addresses, no redirects, one deadline, a bounded answer."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from integrations.egress.answer_reader import READ_LIMIT, Received
from integrations.egress.connecting import Connector
from integrations.egress.deadlines import Deadlines
from integrations.egress.destination import Destination, Origin, header_lines
from integrations.egress.errors import DestinationError, FailureKind, HeaderError, TransportError
from integrations.egress.exchange import Connection
from integrations.egress.kept_connections import KeptConnections
from integrations.egress.resolver import GuardedResolver
from integrations.egress.timing import Timing
from integrations.egress.tls import trusted_authorities

__all__ = ["READ_LIMIT", "Answer", "Destination", "FailureKind", "GuardedClient", "Timing", "TransportError"]

_PACKED = {b"gzip", b"x-gzip", b"deflate"}


@dataclass(slots=True)
class Answer:
    """`body` holds at most the read limit; `is_cut` says that there was more."""

    status: int
    body: bytes
    is_cut: bool
    timing: Timing
    _headers: Mapping[bytes, bytes]

    @property
    def headers(self) -> dict[str, str]:
        """All headers, names in lower case."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._headers.items()}

    def header(self, name: str) -> str:
        """Return the value of a header, "" if it is missing."""
        return self._headers.get(name.lower().encode(), b"").decode("latin-1")


class GuardedClient:
    """Usage: `async with GuardedClient() as client`; made and used within one event loop.

    Keeps no cookies, follows no redirects, ignores proxies and netrc of the environment. `tls` says whose certificates
    are trusted, if not those of the system's authorities. Whoever calls bounds what is in flight.
    """

    _connector: Connector
    _kept: KeptConnections
    _deadlines: Deadlines
    _loop: asyncio.AbstractEventLoop

    def __init__(self, resolver: GuardedResolver | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self._resolver = resolver
        self._tls = tls

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._connector = Connector(self._resolver or GuardedResolver(), self._tls or trusted_authorities())
        self._kept = KeptConnections()
        self._deadlines = Deadlines()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._kept.close()
        self._deadlines.close()

    async def post(
        self,
        to: str | Destination,
        *,
        headers: Mapping[str, str],
        body: bytes,
        timeout: float,
        ready_headers: bytes = b"",
        once: bool = False,
        timing: Timing | None = None,
    ) -> Answer:
        """Send `body` and return the answer. `timeout` (seconds) covers all: DNS, connecting, TLS, headers and body.

        A `to` that is a text is checked here. `ready_headers` are what `header_lines` made of more headers, before.
        Raises TransportError. A connection that was kept alive and turns out to have ended is replaced by a new one
        once; so a receiver that broke down before it answered may see the request twice. With `once` it never does:
        the request gets a connection of its own. Whoever is cancelled reads in their own `timing` how far it came
        (`was_written`).
        """
        timing = timing or Timing()
        ends_at = self._loop.time() + timeout
        try:
            destination = Destination.checked(to) if isinstance(to, str) else to
            lines = header_lines(headers)
            length = f"Content-Length: {len(body)}\r\n\r\n".encode()
            request = b"".join((destination.head, lines, ready_headers, length, body))
            received = await self._send(destination.origin, request, timing, ends_at, once=once)
        except TransportError as error:
            error.timing.total_ms = timing.elapsed_ms()
            raise
        except TimeoutError as error:
            timing.total_ms = timing.elapsed_ms()
            message = f"No complete answer within {timeout:g} s ({timing.stage})."
            raise TransportError(FailureKind.TIMEOUT, message, timing) from error
        except DestinationError as error:
            raise TransportError(FailureKind.REFUSED, str(error), timing) from error
        except HeaderError as error:
            raise TransportError(FailureKind.PROTOCOL, str(error), timing) from error
        return _answer(received, timing)

    async def _send(self, origin: Origin, request: bytes, timing: Timing, ends_at: float, *, once: bool) -> Received:
        kept = None if once else self._kept.take(origin)
        if kept is not None:
            try:
                return await self._exchange(origin, kept, request, timing, ends_at)
            except TransportError as error:
                if kept.has_begun or error.kind is not FailureKind.CONNECT:
                    raise
        async with asyncio.timeout_at(ends_at):
            connection = await self._connector.open(origin, timing)
        return await self._exchange(origin, connection, request, timing, ends_at)

    async def _exchange(
        self, origin: Origin, connection: Connection, request: bytes, timing: Timing, ends_at: float
    ) -> Received:
        self._deadlines.watch(connection, ends_at)
        try:
            received = await connection.exchange(request, timing)
        except BaseException:  # when cancelled, too: nobody would take the answer from the connection
            connection.close()
            raise
        finally:
            self._deadlines.forget(connection)
        self._kept.put_back(origin, connection)
        return received


def _answer(received: Received, timing: Timing) -> Answer:
    status, headers, body, is_cut = received
    if b"content-encoding" in headers:
        body, was_cut = _unpacked(body, headers[b"content-encoding"])
        is_cut = is_cut or was_cut
    timing.total_ms = timing.elapsed_ms()
    return Answer(status, body, is_cut, timing, headers)


def _unpacked(body: bytes, encoding: bytes) -> tuple[bytes, bool]:
    """Unpack what was compressed although nobody asked for it, never to more than the read limit (gzip bombs)."""
    if encoding.strip().lower() not in _PACKED:
        return body, False
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacker.decompress(body, READ_LIMIT + 1)
    except zlib.error:
        return body, False
    return unpacked[:READ_LIMIT], len(unpacked) > READ_LIMIT
