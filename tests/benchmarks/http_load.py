"""A client for the web process, in a process of its own: keep-alive connections that ask again as soon as they are answered.

It shares the cores with what it measures. So it does as little as it can: bytes on uvloop's transports, answers parsed by
llhttp, 8 µs a request where aiohttp's client takes 70.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from statistics import quantiles
from typing import cast
from urllib.parse import urlsplit

import httptools
import uvloop

NUMBER = "<number>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked again and again. `<number>` in the body is another one in every request, of every run."""

    url: str
    token: str
    method: str = "POST"
    body: str = ""
    connections: int = 16
    seconds: float = 8


@dataclass(frozen=True, slots=True)
class Found:
    answered: int
    seconds: float
    middle_ms: float
    high_ms: float

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds


def load(asked: Asked) -> Found:
    """Ask for so many seconds and return what was answered. Any answer but 2xx ends it with an error."""
    command = [sys.executable, "-m", __name__]
    given = json.dumps(asdict(asked))
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{asked.method} {asked.url}: {done.stderr[-2000:]}")
    return Found(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    """One connection: asks, reads the answer, and asks again until `ends_at`."""

    transport: asyncio.Transport

    def __init__(self, requests: Iterator[bytes], ends_at: float) -> None:
        self._requests = requests
        self._ends_at = ends_at
        self.took: list[float] = []
        self.is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:  # an error in what the parser calls, too
            self._end(f"{type(error).__name__}: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        self._end("the connection was closed")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        """Note the answer, and ask again. The parser calls this."""
        self.took.append(time.monotonic() - self._began)
        status = self._parser.get_status_code()
        if not 200 <= status <= 299:
            self._end(f"{status}: {self._body[:500]!r}")
        elif time.monotonic() < self._ends_at:
            self._ask()
        else:
            self._end()

    def _ask(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._began = time.monotonic()
        self.transport.write(next(self._requests))

    def _end(self, problem: str = "") -> None:
        if not self.is_over.done():
            if problem:
                self.is_over.set_exception(RuntimeError(problem))
            else:
                self.is_over.set_result(None)
        self.transport.close()


def _requests(asked: Asked) -> Iterator[bytes]:
    url = urlsplit(asked.url)
    target = f"{url.path}?{url.query}" if url.query else url.path
    head = f"{asked.method} {target} HTTP/1.1\r\nHost: {url.netloc}\r\nAuthorization: {asked.token}\r\nAccept: */*\r\n"
    run = secrets.token_hex(4)
    for number in count():
        body = asked.body.replace(NUMBER, f"{run}_{number}").encode()
        about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        yield f"{head}{about}\r\n".encode() + body


async def _load(asked: Asked) -> Found:
    url = urlsplit(asked.url)
    loop = asyncio.get_running_loop()
    requests = _requests(asked)
    started = time.monotonic()
    opened = [
        await loop.create_connection(lambda: _Connection(requests, started + asked.seconds), url.hostname, url.port)
        for _ in range(asked.connections)
    ]
    await asyncio.gather(*(connection.is_over for _, connection in opened))
    elapsed = time.monotonic() - started
    took = [each for _, connection in opened for each in connection.took]
    percents = quantiles(took, n=100)
    return Found(len(took), elapsed, percents[49] * 1000, percents[98] * 1000)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(asdict(runner.run(_load(Asked(**json.load(sys.stdin)))))))
