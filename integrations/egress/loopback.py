"""A client that reaches one listening socket of this very process, and nothing else.

For trying out how a request is sent where the guard lets nothing reach the loopback address, and rightly so. Nothing of
the guard is switched off: whoever wants to use this has to have made the socket, and the name that leads to it is one
that no resolver answers (`.invalid`, RFC 2606), so that everybody else who is given the URL fails.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from ipaddress import ip_address
from typing import Self

from integrations.egress.client import GuardedClient
from integrations.egress.connecting import Connector
from integrations.egress.destination import Origin
from integrations.egress.errors import FailureKind, TransportError
from integrations.egress.exchange import Connection
from integrations.egress.resolver import GuardedResolver
from integrations.egress.timing import CONNECTING, Timing, milliseconds_since


class LoopbackClient(GuardedClient):
    """Sends to `origin` by connecting to `listener`; every other origin is refused.

    `tls` says which certificate is trusted: that of the listener, and no authority's.
    """

    def __init__(self, origin: Origin, listener: socket.socket, tls: ssl.SSLContext) -> None:
        """Raises ValueError when the socket does not listen on a loopback address of this host."""
        super().__init__(tls=tls)
        is_listening = bool(listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        if (
            listener.family != socket.AF_INET
            or not ip_address(listener.getsockname()[0]).is_loopback
            or not is_listening
        ):
            raise ValueError("The socket must listen on a loopback address.")
        self._one_listener = _OneListener(origin, listener, tls)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._connector = self._one_listener
        return self


class _OneListener(Connector):
    def __init__(self, origin: Origin, listener: socket.socket, tls: ssl.SSLContext) -> None:
        super().__init__(GuardedResolver(), tls)
        self._origin = origin
        self._listener = listener

    async def open(self, origin: Origin, timing: Timing) -> Connection:
        if origin != self._origin:
            raise TransportError(FailureKind.REFUSED, "This client reaches its own listener only.", timing)
        timing.stage, began = CONNECTING, time.perf_counter()
        connected = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            connected.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connected, self._listener.getsockname())
        except OSError as error:
            connected.close()
            raise TransportError(FailureKind.CONNECT, "The listener does not answer.", timing) from error
        except BaseException:  # cancelling, too
            connected.close()
            raise
        timing.connect_ms = milliseconds_since(began)
        return await self._start(connected, origin, timing)
