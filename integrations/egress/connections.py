"""Connections under the guard, for requests: to checked addresses only, within a request's time and bytes.

urllib3 times each wait by itself, so that a server that sends one byte a second is never late, and reads some parts of
an answer (interim answers, trailers) for as long as they come. Here every read and write of the socket is charged to
the request that it belongs to.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from contextvars import ContextVar
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection

from integrations.egress.errors import FailureKind, RefusedAddressError
from integrations.egress.lookup import AddressInfo, Lookups, refuse_private

# 100 Continue, 102 Processing and 103 Early Hints come once or a few times.
MAX_INTERIM_ANSWERS = 16
_LINE_LIMIT = 64 * 1024

# Its warnings and debug lines name whole URLs, and URLs may hold tokens.
logging.getLogger("urllib3").setLevel(logging.ERROR)


@dataclass
class Call:
    """What one request may still use up, and why it failed, as far as its connection knows."""

    lookups: Lookups
    ends_at: float
    bytes_left: int
    stage: str = "connecting"
    failure: tuple[FailureKind, str] | None = None

    def seconds_left(self) -> float:
        """Return what is left of the time; TimeoutError if nothing is."""
        left = self.ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def charge(self, count: int) -> None:
        """Take `count` received bytes from what is left; OSError if there are not so many."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            self.failure = FailureKind.TOO_LARGE, "The answer is too large."
            raise OSError(self.failure[1])


# A connection outlives its requests in the pool, so it has to ask which request it works for. The whole of a request
# happens in one call of the adapter, on one thread.
current_call: ContextVar[Call] = ContextVar("current_call")


class BoundedSocket(socket.socket):
    """A socket whose reads and writes end with the time and the bytes of the current call."""

    def recv_into(self, *arguments: Any) -> int:
        call = current_call.get()
        if call.stage != "reading the answer":
            call.stage = "waiting for the answer"
        self.settimeout(call.seconds_left())
        received = super().recv_into(*arguments)
        call.charge(received)
        return received

    def send(self, *arguments: Any) -> int:
        self.settimeout(current_call.get().seconds_left())
        return super().send(*arguments)

    def sendall(self, *arguments: Any) -> None:
        call = current_call.get()
        call.stage = "sending the request"
        self.settimeout(call.seconds_left())
        super().sendall(*arguments)


class BoundedTLSSocket(BoundedSocket, ssl.SSLSocket):
    """The same with TLS: for `SSLContext.sslsocket_class`."""


def open_connection(host: str, port: int) -> socket.socket:
    """Resolve `host`, check all its addresses and connect to the first that answers. Raises OSError.

    Each address gets its share of the time that is left, so that one that swallows packets leaves some for the others.
    """
    call = current_call.get()
    found = _resolved(call, host, port)
    call.stage = "connecting"
    failure: OSError | None = None
    for position, (family, kind, protocol, _, address) in enumerate(found):
        connecting = BoundedSocket(family, kind, protocol)
        try:
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connecting.settimeout(call.seconds_left() / (len(found) - position))
            connecting.connect(address)
        except OSError as error:
            connecting.close()
            failure = error
        else:
            connecting.settimeout(call.seconds_left())  # for the whole of the TLS handshake
            return connecting
    if isinstance(failure, TimeoutError):
        raise failure
    words = failure.strerror if failure else "no address"
    call.failure = FailureKind.CONNECT, f"No connection to {host}, port {port}: {words}."
    raise OSError(call.failure[1])


def _resolved(call: Call, host: str, port: int) -> list[AddressInfo]:
    call.stage = "resolving the host name"
    future = call.lookups.start(host, port)
    try:
        found = future.result(timeout=call.seconds_left())
        refuse_private(host, found)
    except TimeoutError:
        future.cancel()
        raise
    except RefusedAddressError as error:
        call.failure = FailureKind.REFUSED, str(error)
        raise
    except OSError as error:
        call.failure = FailureKind.DNS, f"{host} could not be resolved: {error.strerror or error}."
        raise
    return found


def _require_bounded(made: object) -> None:
    """Fail closed if a later urllib3 makes its sockets in another way."""
    if not isinstance(made, BoundedSocket):
        raise TypeError("The connection was made without the egress guard.")


class _FinalResponse(HTTPResponse):
    """Passes over interim answers: the standard library knows 100 only, and takes 103 (Early Hints) for the answer."""

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MAX_INTERIM_ANSWERS + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]  # not in its published types
            if not 100 <= status <= 199 or status == HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            while self.fp.readline(_LINE_LIMIT).strip():
                pass
        raise HTTPException("too many interim answers")


class _Connection(HTTPConnection):
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        return open_connection(self.host.strip("[]"), self.port)

    def connect(self) -> None:
        super().connect()
        _require_bounded(self.sock)


class _TLSConnection(HTTPSConnection):
    response_class = _FinalResponse

    def _new_conn(self) -> socket.socket:
        return open_connection(self.host.strip("[]"), self.port)

    def connect(self) -> None:
        super().connect()
        _require_bounded(self.sock)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


def guarded_pools(*, connections: int, kept: int) -> PoolManager:
    """Return urllib3's manager of connections, `kept` of them for each of up to `connections` hosts."""
    manager = PoolManager(num_pools=connections, maxsize=kept)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
    return manager
