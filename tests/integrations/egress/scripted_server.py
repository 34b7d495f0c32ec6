"""A server that does on each of its connections what a test tells it to; in the client's own event loop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Connected:
    """The server's side of one connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    requests: list[bytes] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client has closed it."""

    async def request(self) -> bytes:
        """Wait for a whole request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        self.requests.append(head + await self.reader.readexactly(length))
        return self.requests[-1]

    async def say(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    def reset(self) -> None:
        self.writer.transport.abort()

    async def until_left(self) -> None:
        with suppress(OSError):
            while await self.reader.read(65536):
                pass
        self.left.set()


Script = Callable[[Connected], Awaitable[None]]


@dataclass
class Server:
    connections: list[Connected] = field(default_factory=list)
    port: int = 0

    @property
    def requests(self) -> list[int]:
        """How many requests came on each connection."""
        return [len(connected.requests) for connected in self.connections]


@asynccontextmanager
async def serving(*scripts: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Serve on loopback: the first connection by the first script, and so on; all further ones by the last."""
    server = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected = Connected(reader, writer)
        server.connections.append(connected)
        with suppress(OSError, asyncio.IncompleteReadError):
            await scripts[min(len(server.connections), len(scripts)) - 1](connected)
        with suppress(OSError, RuntimeError):
            if writer.can_write_eof():
                writer.write_eof()
            else:  # TLS has no half of a connection to close
                writer.close()
        await connected.until_left()
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()


def answers(*answers: bytes) -> Script:
    """Answer so many requests, the last answer again and again."""

    async def script(connected: Connected) -> None:
        for answer in answers[:-1]:
            await connected.request()
            await connected.say(answer)
        while True:
            await connected.request()
            await connected.say(answers[-1])

    return script
