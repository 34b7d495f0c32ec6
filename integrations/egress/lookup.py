"""Name resolution with the system's resolver, in threads that nobody has to wait for.

`getaddrinfo` cannot be interrupted: a name server that never answers holds its thread for half a minute. Whoever asked
gives up at its own deadline; and the threads are daemons, so that a process can end meanwhile.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from integrations.egress.addresses import is_allowed
from integrations.egress.errors import RefusedAddressError

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]
Lookup = Callable[..., list[Any]]
# Lookups that hang hold a thread each; the others need threads meanwhile. As many as an engine has requests on the wire,
# so that names that never answer cannot hold up the names that do. A thread lives only as long as there is work for it.
LOOKUP_THREADS = 512

_Job = tuple[Future[list[AddressInfo]], str, int, int]


class Lookups:
    """Runs lookups in up to `threads` threads at once; the others wait in the order of their coming."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo, *, threads: int = LOOKUP_THREADS) -> None:
        self._lookup = lookup
        self._threads = threads
        self._running = 0
        self._waiting: deque[_Job] = deque()
        self._lock = threading.Lock()

    def start(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> Future[list[AddressInfo]]:
        """Begin to resolve `host`. The future holds its addresses, or OSError if it has none."""
        job: _Job = (Future(), host, port, family)
        with self._lock:
            if self._running >= self._threads:
                self._waiting.append(job)
                return job[0]
            self._running += 1
        threading.Thread(target=self._work, args=(job,), name="dns", daemon=True).start()
        return job[0]

    def _work(self, job: _Job | None) -> None:
        while job is not None:
            future, host, port, family = job
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._look_up(host, port, family))
                except Exception as error:  # noqa: BLE001  (whoever waits for the future gets it)
                    future.set_exception(error)
            with self._lock:
                job = self._waiting.popleft() if self._waiting else None
                if job is None:
                    self._running -= 1

    def _look_up(self, host: str, port: int, family: int) -> list[AddressInfo]:
        try:
            found = self._lookup(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        except UnicodeError as error:  # a label that is empty or too long
            raise OSError(f"{host} is not a valid host name") from error
        if not found:
            raise OSError(f"{host} has no address")
        return found


def refuse_private(host: str, found: list[AddressInfo]) -> None:
    """Raise RefusedAddressError unless every address that `host` leads to is allowed.

    One bad address refuses the name, though the others could be used: a public name has no business in a private
    network, and answers of both kinds at once are how DNS rebinding begins.
    """
    if not all(is_allowed(address[0]) for *_, address in found):
        raise RefusedAddressError(host)
