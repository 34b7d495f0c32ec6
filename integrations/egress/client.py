"""One guarded HTTP request at a time, for asyncio: checked addresses, no redirects, one deadline, a bounded answer."""

from __future__ import annotations

import asyncio
import functools
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Self

import aiohttp
from yarl import URL

from integrations.egress.errors import DestinationError, FailureKind, RefusedAddressError
from integrations.egress.protocol import BoundedProtocol
from integrations.egress.resolver import GuardedResolver, guarded_socket
from integrations.egress.tls import trusted_authorities
from integrations.egress.urls import check_destination

__all__ = ["READ_LIMIT", "Answer", "FailureKind", "GuardedClient", "Timing", "TransportError"]

READ_LIMIT = 64 * 1024
# Shorter than the 5 s after which Node.js closes idle connections: a request must not meet a connection that just ended.
KEEP_ALIVE_SECONDS = 3.0
DNS_CACHE_SECONDS = 10


@dataclass(slots=True)
class Timing:
    """Milliseconds. None where the part did not happen: a reused connection has neither DNS nor connecting.

    `connect_ms` includes TLS where `tls_ms` is None: the HTTP client does not tell the two apart.
    """

    total_ms: int = 0
    dns_ms: int | None = None
    connect_ms: int | None = None
    tls_ms: int | None = None
    first_byte_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` holds at most the read limit; `is_cut` says that there was more."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool
    timing: Timing


class TransportError(Exception):
    """No answer. `message` is a sentence for a person; it may name the host, but neither path nor query."""

    def __init__(self, kind: FailureKind, message: str, timing: Timing) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.timing = timing


class GuardedClient:
    """Usage: `async with GuardedClient() as client`; made and used within one event loop.

    Keeps no cookies, follows no redirects, ignores proxies and netrc of the environment. `tls` says whose certificates
    are trusted, if not those of the system's authorities.
    """

    def __init__(self, resolver: GuardedResolver | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self._resolver = resolver
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            resolver=self._resolver or GuardedResolver(),
            socket_factory=guarded_socket,
            ssl=self._tls or trusted_authorities(),
            limit=0,  # whoever calls bounds what is in flight
            ttl_dns_cache=DNS_CACHE_SECONDS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
        )
        # aiohttp has no public place for it; a test floods the client to see that it is in force.
        connector._factory = functools.partial(BoundedProtocol, loop=asyncio.get_running_loop())  # type: ignore[assignment]
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
            trace_configs=[_tracing()],
            auto_decompress=False,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(
        self, url: str | URL, *, headers: Mapping[str, str], body: bytes, timeout: float, read_limit: int = READ_LIMIT
    ) -> Answer:
        """Send `body` and return the answer. `timeout` (seconds) covers all: DNS, connecting, TLS, headers and body.

        A `url` that is a text is checked here; one that is a URL was made of what `check_destination` returned.
        Raises TransportError. A connection that was kept alive and turns out to have ended is replaced by a new one
        once; so a receiver that broke down while answering may see the request twice.
        """
        started = time.perf_counter()
        trace = _Trace()
        try:
            checked = URL(check_destination(url)) if isinstance(url, str) else url
            async with asyncio.timeout(timeout):
                try:
                    return await self._exchange(checked, headers, body, read_limit, trace, started)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                    if not trace.is_reused or trace.timing.first_byte_ms is not None:
                        raise
                trace = _Trace()
                return await self._exchange(checked, headers, body, read_limit, trace, started)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            trace.timing.total_ms = _milliseconds_since(started)
            kind, message = _explain(error, trace, timeout)
            raise TransportError(kind, message, trace.timing) from error

    async def _exchange(
        self, url: URL, headers: Mapping[str, str], body: bytes, read_limit: int, trace: _Trace, started: float
    ) -> Answer:
        if self._session is None:
            raise RuntimeError("Open the client first: async with GuardedClient().")
        response = await self._session.post(
            url,
            data=body,
            headers={"Accept-Encoding": "identity", **headers},
            allow_redirects=False,
            trace_request_ctx=trace,
        )
        trace.stage = "reading the answer"
        trace.timing.first_byte_ms = _milliseconds_since(started)
        try:
            received, is_cut = await _read(response, read_limit)
        finally:
            # Gives the connection back after a whole body, and closes it otherwise.
            response.release() if response.content.at_eof() else response.close()
        decoded, was_cut = _decompress(received, response.headers.get("Content-Encoding", ""), read_limit)
        trace.timing.total_ms = _milliseconds_since(started)
        return Answer(response.status, response.headers, decoded, is_cut or was_cut, trace.timing)


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, bool]:
    chunks = []
    room = limit + 1
    while room > 0 and (chunk := await response.content.read(room)):
        chunks.append(chunk)
        room -= len(chunk)
    received = b"".join(chunks)
    return received[:limit], len(received) > limit


def _decompress(body: bytes, encoding: str, limit: int) -> tuple[bytes, bool]:
    """Unpack what was compressed although nobody asked for it, never to more than `limit` (gzip bombs)."""
    if encoding.strip().lower() not in {"gzip", "x-gzip", "deflate"}:
        return body, False
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        unpacked = unpacker.decompress(body, limit + 1)
    except zlib.error:
        return body, False
    return unpacked[:limit], len(unpacked) > limit


class _Trace:
    """What aiohttp tells about one request while it runs."""

    __slots__ = ("created_at", "dns_started_at", "is_reused", "stage", "timing")

    def __init__(self) -> None:
        self.timing = Timing()
        self.is_reused = False
        self.stage = "connecting"
        self.dns_started_at = 0.0
        self.created_at = 0.0


def _tracing() -> aiohttp.TraceConfig:
    config = aiohttp.TraceConfig()
    config.on_connection_create_start.append(_on_create_start)
    config.on_connection_create_end.append(_on_create_end)
    config.on_connection_reuseconn.append(_on_reuse)
    config.on_dns_resolvehost_start.append(_on_dns_start)
    config.on_dns_resolvehost_end.append(_on_dns_end)
    return config


async def _on_create_start(session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
    context.trace_request_ctx.created_at = time.perf_counter()


async def _on_create_end(session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
    trace: _Trace = context.trace_request_ctx
    trace.stage = "waiting for the answer"
    trace.timing.connect_ms = max(0, _milliseconds_since(trace.created_at) - (trace.timing.dns_ms or 0))


async def _on_reuse(session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
    trace: _Trace = context.trace_request_ctx
    trace.is_reused = True
    trace.stage = "waiting for the answer"


async def _on_dns_start(session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
    trace: _Trace = context.trace_request_ctx
    trace.stage = "resolving the host name"
    trace.dns_started_at = time.perf_counter()


async def _on_dns_end(session: aiohttp.ClientSession, context: SimpleNamespace, _: Any) -> None:
    trace: _Trace = context.trace_request_ctx
    trace.stage = "connecting"
    trace.timing.dns_ms = _milliseconds_since(trace.dns_started_at)


def _milliseconds_since(moment: float) -> int:
    return round((time.perf_counter() - moment) * 1000)


def _explain(error: Exception, trace: _Trace, timeout: float) -> tuple[FailureKind, str]:
    """Name the kind of a failure, and say it without path and query of the URL, which may hold secrets."""
    cause = getattr(error, "os_error", None) or error
    if isinstance(cause, RefusedAddressError | DestinationError):
        return FailureKind.REFUSED, str(cause)
    if isinstance(error, TimeoutError):
        return FailureKind.TIMEOUT, f"No complete answer within {timeout:g} s ({trace.stage})."
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return FailureKind.DNS, f"{error.host} could not be resolved: {_system_words(cause)}."
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return FailureKind.TLS, f"The certificate of {error.host} was not accepted: {error.certificate_error}."
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(cause, ssl.SSLError):
        return FailureKind.TLS, f"TLS failed: {_system_words(cause)}."
    if isinstance(error, aiohttp.ClientConnectorError):
        return FailureKind.CONNECT, f"No connection to {error.host}, port {error.port}: {_system_words(cause)}."
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | OSError):
        return FailureKind.CONNECT, f"The connection was lost ({trace.stage}): {_system_words(cause)}."
    return FailureKind.PROTOCOL, f"The answer was no valid HTTP ({type(error).__name__})."


def _system_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
