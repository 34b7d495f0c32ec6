"""Making connections under the guard, for asyncio: to checked addresses only, and nobody else resolves the name.

Every address that a name leads to is checked, and the connection goes to the checked address itself, so that a name
that changes its answer between check and use (DNS rebinding) gains nothing. Addresses that stand in the URL never
pass a resolver; the making of a socket checks those, and everything else once more, at the last moment.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Sequence
from functools import partial
from ipaddress import ip_address

from integrations.egress.addresses import is_allowed
from integrations.egress.destination import Origin
from integrations.egress.errors import FailureKind, RefusedAddressError, TransportError
from integrations.egress.exchange import Connection
from integrations.egress.lookup import AddressInfo
from integrations.egress.resolver import GuardedResolver
from integrations.egress.timing import CONNECTING, RESOLVING, SECURING, Timing, milliseconds_since

# An address that has not answered by then is not waited for alone (RFC 8305 calls it the connection attempt delay).
NEXT_ADDRESS_SECONDS = 0.25


class Connector:
    """Used within one event loop. `tls` says whose certificates are trusted."""

    def __init__(self, resolver: GuardedResolver, tls: ssl.SSLContext) -> None:
        self._resolver = resolver
        self._tls = tls

    async def open(self, origin: Origin, timing: Timing) -> Connection:
        """Return a new connection, the time of its making noted in `timing`. Raises TransportError; takes any time."""
        addresses = await self._addresses(origin, timing)
        timing.stage, began = CONNECTING, time.perf_counter()
        try:
            connected = await connect(addresses)
        except RefusedAddressError as error:
            raise TransportError(FailureKind.REFUSED, str(error), timing) from error
        except OSError as error:
            # asyncio's own words repeat the address as Python writes it; the system's say what happened.
            reason = os.strerror(error.errno) if error.errno else _words(error)
            message = f"No connection to {origin.host}, port {origin.port}: {reason}."
            raise TransportError(FailureKind.CONNECT, message, timing) from error
        timing.connect_ms = milliseconds_since(began)
        connection = await self._start(connected, origin, timing)
        connection.opened_at = asyncio.get_running_loop().time()
        return connection

    async def _addresses(self, origin: Origin, timing: Timing) -> Sequence[AddressInfo]:
        if literal := _literal_address(origin):
            return [literal]
        timing.stage, began = RESOLVING, time.perf_counter()
        try:
            return await self._resolver.resolve(origin.host, origin.port)
        except RefusedAddressError as error:
            raise TransportError(FailureKind.REFUSED, str(error), timing) from error
        except OSError as error:
            message = f"{origin.host} could not be resolved: {_words(error)}."
            raise TransportError(FailureKind.DNS, message, timing) from error
        finally:
            timing.dns_ms = milliseconds_since(began)

    async def _start(self, connected: socket.socket, origin: Origin, timing: Timing) -> Connection:
        """Hand the socket to the event loop; over TLS, agree on keys and verify the certificate first."""
        loop = asyncio.get_running_loop()
        make = partial(Connection, loop)
        if not origin.is_tls:
            _, connection = await loop.create_connection(make, sock=connected)
            return connection
        timing.stage, began = SECURING, time.perf_counter()
        try:
            _, connection = await loop.create_connection(
                make, sock=connected, ssl=self._tls, server_hostname=origin.host
            )
        except ssl.SSLCertVerificationError as error:
            message = f"The certificate of {origin.host} was not accepted: {error.verify_message}."
            raise TransportError(FailureKind.TLS, message, timing) from error
        except ssl.SSLError as error:
            raise TransportError(FailureKind.TLS, f"TLS failed: {error.reason or _words(error)}.", timing) from error
        except OSError as error:
            message = f"The connection was lost ({timing.stage}): {_words(error)}."
            raise TransportError(FailureKind.CONNECT, message, timing) from error
        finally:
            timing.tls_ms = milliseconds_since(began)
        return connection


async def connect(addresses: Sequence[AddressInfo]) -> socket.socket:
    """Connect to the first address that answers; each gets a little time before the next is tried beside it.

    Raises RefusedAddressError for one that is not allowed, and OSError if none answers.
    """
    if len(addresses) == 1:
        return await _connect_to(addresses[0])
    attempts: list[asyncio.Task[socket.socket]] = []
    chosen = None
    try:
        for address in addresses:
            attempts.append(asyncio.create_task(_connect_to(address)))
            if chosen := await _first_success(attempts, timeout=NEXT_ADDRESS_SECONDS):
                return chosen.result()
        if chosen := await _first_success(attempts, timeout=None):
            return chosen.result()
        return attempts[-1].result()  # raises what became of it
    finally:
        for attempt in attempts:
            if attempt is not chosen:
                attempt.add_done_callback(_close_what_came)
                attempt.cancel()


async def _first_success(
    attempts: Sequence[asyncio.Task[socket.socket]], *, timeout: float | None
) -> asyncio.Task[socket.socket] | None:
    """Wait until an attempt has succeeded, all have failed, or the time is over."""
    pending = {attempt for attempt in attempts if not attempt.done()}
    while pending:
        done, pending = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            break
        if succeeded := [attempt for attempt in done if attempt.exception() is None]:
            return succeeded[0]
    return None


def _close_what_came(attempt: asyncio.Task[socket.socket]) -> None:
    if not attempt.cancelled() and attempt.exception() is None:
        attempt.result().close()


async def _connect_to(address: AddressInfo) -> socket.socket:
    connecting = guarded_socket(address)
    try:
        connecting.setblocking(False)
        connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connecting, address[4])
    except BaseException:  # cancelling, too
        connecting.close()
        raise
    return connecting


def guarded_socket(address_info: AddressInfo) -> socket.socket:
    """Make the socket of one connection, unless its address is not allowed."""
    family, kind, protocol, _, address = address_info
    if not is_allowed(address[0]):
        raise RefusedAddressError(str(address[0]))
    return socket.socket(family=family, type=kind, proto=protocol)


def _literal_address(origin: Origin) -> AddressInfo | None:
    try:
        address = ip_address(origin.host)
    except ValueError:
        return None
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), origin.port)


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
