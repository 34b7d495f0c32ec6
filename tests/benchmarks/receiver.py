"""The receiver of the benchmarks: as cheap as Python can make one, so that it measures the sender and not itself.

`python -m tests.benchmarks.receiver` listens on loopback and prints its port. It reads HTTP only as far as it must:
a POST with a Content-Length. Each path but `/hang…` answers 200 and `ok`; that one answers after a minute.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop

ROOT_URL = "http://127.0.0.1:{port}"
HANG_SECONDS = 60
_OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class _Connection(asyncio.Protocol):
    """One keep-alive connection; requests on it follow one another."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data
        while (end := self._received.find(_END)) >= 0:
            head = self._received[:end]
            at = head.lower().find(_LENGTH)
            length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            whole = end + len(_END) + length
            if len(self._received) < whole:
                return
            self._received = self._received[whole:]
            if head.startswith(b"POST /hang"):
                asyncio.get_running_loop().call_later(HANG_SECONDS, self._answer)
            else:
                self._transport.write(_OK)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(_OK)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


@contextmanager
def running_receiver() -> Iterator[tuple[str, int]]:
    """Run a receiver in a process of its own, and give its address and that process's id."""
    process = subprocess.Popen([sys.executable, "-m", __name__], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield ROOT_URL.format(port=int(process.stdout.readline())), process.pid
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve())
