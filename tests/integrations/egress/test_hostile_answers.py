"""Servers that want to hold on to us: without end, without measure, or without HTTP. Both HTTP clients."""

from __future__ import annotations

import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from integrations.egress.client import READ_LIMIT as WEBHOOK_LIMIT
from integrations.egress.errors import FailureKind
from integrations.egress.session import READ_LIMIT

Ask = Callable[..., Any]
MEGABYTE = bytes(1024 * 1024)
OK = b"HTTP/1.1 200 OK\r\n"
# The body at its limit, once in pieces and once joined, and room for the rest.
MEMORY_LIMIT = 2 * READ_LIMIT + 4 * len(MEGABYTE)


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.OUTBOUND_REQUIRE_HTTPS = False


def says(*pieces: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)

    return serve


def repeats(start: bytes, piece: bytes, times: int | None = None) -> Callable[[socket.socket], None]:
    """Say `start`, then `piece` again and again, until the client has left."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in count() if times is None else range(times):
            connection.sendall(piece)

    return serve


def drips(start: bytes, piece: bytes, seconds: float = 0.05) -> Callable[[socket.socket], None]:
    """Say `start`, then `piece` again and again at intervals far below the timeout."""

    def serve(connection: socket.socket) -> None:
        connection.sendall(start)
        while True:
            time.sleep(seconds)
            connection.sendall(piece)

    return serve


@contextmanager
def bounded_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY_LIMIT, f"{peak / 1024 / 1024:.1f} MB"


@contextmanager
def within(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def assert_cut(result: Any) -> None:
    """The engine keeps the beginning of a body; what a provider answers is whole or nothing."""
    assert (result.status, len(result.body)) == (200, WEBHOOK_LIMIT) or result.kind is FailureKind.TOO_LARGE


SLOW = {
    "status line": drips(b"HTTP/1.1 200 O", b"K"),
    "header": drips(OK + b"X-A: ", b"a"),
    "headers": drips(OK, b"X-A: a\r\n", 0.1),
    "interim answers": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drips(OK + b"Content-Length: 1000\r\n\r\n", b"x"),
    "body without length": drips(OK + b"\r\n", b"x"),
    "chunk": drips(OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n", b"x"),
    "chunk size": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "empty gzip": drips(OK + b"Content-Encoding: gzip\r\n\r\n\x1f\x8b\x08\0\0\0\0\0\0\x03", b"\0\0\0\xff\xff"),
    "trailers": drips(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X-A: a\r\n"),
}


@pytest.mark.parametrize("serve", SLOW.values(), ids=SLOW)
def test_request_ends_at_its_deadline_when_the_answer_drips(ask: Ask, raw_server: Any, serve: Any) -> None:
    with within(2):
        result = ask(f"http://127.0.0.1:{raw_server(serve)}/path", timeout=0.5)

    assert (result.kind, "path" in result.message) == (FailureKind.TIMEOUT, False)


def test_request_ends_at_its_deadline_when_the_server_says_nothing(ask: Ask, raw_server: Any) -> None:
    released = threading.Event()
    port = raw_server(lambda _: released.wait(5))

    with within(2):
        assert ask(f"http://127.0.0.1:{port}/", timeout=0.3).kind is FailureKind.TIMEOUT
        # It answers the TLS handshake with nothing, too.
        assert ask(f"https://127.0.0.1:{port}/", timeout=0.3).kind is FailureKind.TIMEOUT
    released.set()


def test_request_ends_at_its_deadline_when_nobody_takes_the_connection(ask: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())  # all places are taken: further packets are swallowed

        with within(2):
            assert ask(f"http://127.0.0.1:{full.getsockname()[1]}/", timeout=0.3).kind is FailureKind.TIMEOUT


def test_request_ends_at_its_deadline_when_the_name_is_never_resolved(ask: Ask) -> None:
    released = threading.Event()
    waiting: list[threading.Thread] = []

    def hang(*_: Any) -> list[Any]:
        waiting.append(threading.current_thread())
        released.wait(10)
        return []

    with within(2):
        result = ask("http://hook.example/", timeout=0.3, lookup=hang)

    assert (result.kind, "resolving" in result.message) == (FailureKind.TIMEOUT, True)
    assert waiting[0].is_alive()
    assert waiting[0].daemon  # a process that ends does not wait for it
    released.set()


ENDLESS = {
    "200 MB": repeats(OK + b"Content-Length: 209715200\r\n\r\n", MEGABYTE, 200),
    "200 MB in chunks": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + MEGABYTE + b"\r\n", 200),
    "one chunk of 200 MB": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\nC800000\r\n", MEGABYTE, 200),
    "without end": repeats(OK + b"\r\n", MEGABYTE),
}


@pytest.mark.parametrize("serve", ENDLESS.values(), ids=ENDLESS)
def test_request_reads_no_more_than_the_limit(ask: Ask, raw_server: Any, serve: Any) -> None:
    port = raw_server(serve)

    with bounded_memory(), within(4):
        assert_cut(ask(f"http://127.0.0.1:{port}/"))


BOUNDLESS = {
    "status line": repeats(b"", b"H" * 65536),
    "header": repeats(OK + b"X-A: ", b"a" * 65536),
    "headers": repeats(OK, b"X-A: a\r\n" * 8192),
    "folded header": repeats(OK + b"X-A: a\r\n", b" b\r\n" * 16384),
    "interim answers": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000),
    "chunk size": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 65536),
    "chunk extension": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65536),
    "chunk of negative size": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", MEGABYTE),
    "trailers": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X-A: a\r\n" * 8192),
    "trailer": repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-A: ", b"a" * 65536),
    "bytes after the end": repeats(OK + b"Content-Length: 1\r\n\r\nx", MEGABYTE),
}


@pytest.mark.parametrize("serve", BOUNDLESS.values(), ids=BOUNDLESS)
def test_request_keeps_its_memory_when_the_framing_never_ends(ask: Ask, raw_server: Any, serve: Any) -> None:
    port = raw_server(serve)

    with bounded_memory(), within(4):
        result = ask(f"http://127.0.0.1:{port}/", timeout=2)

    assert result.kind in {FailureKind.PROTOCOL, FailureKind.TOO_LARGE, FailureKind.TIMEOUT} or result.body == b"x"


def test_request_fails_at_once_when_a_server_floods_it_with_interim_answers(ask: Ask, raw_server: Any) -> None:
    """Taking them in until the deadline would stop the engine's event loop, and all other deliveries with it."""
    port = raw_server(repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000))

    with within(1):
        result = ask(f"http://127.0.0.1:{port}/", timeout=5)

    assert result.kind is FailureKind.PROTOCOL


def test_request_ends_before_its_deadline_when_a_chunk_size_never_ends(ask: Ask, raw_server: Any) -> None:
    port = raw_server(BOUNDLESS["chunk size"])

    with within(3):
        result = ask(f"http://127.0.0.1:{port}/", timeout=10)

    assert result.kind in {FailureKind.PROTOCOL, FailureKind.TOO_LARGE}


@pytest.mark.parametrize(("times", "kind"), [(16, None), (17, FailureKind.PROTOCOL)])
def test_request_takes_the_answer_that_follows_a_few_interim_ones(
    ask: Ask, raw_server: Any, times: int, kind: FailureKind | None
) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    port = raw_server(says(early * times, OK + b"Content-Length: 1\r\n\r\nx"))

    result = ask(f"http://127.0.0.1:{port}/")

    assert (result.kind, result.body) == (kind, b"" if kind else b"x")


@cache
def bomb(wbits: int, layers: int) -> bytes:
    """200 MB of nothing, packed."""
    packed = b""
    for layer in range(layers):
        packer = zlib.compressobj(wbits=wbits)
        pieces = [MEGABYTE] * 200 if layer == 0 else [packed]
        packed = b"".join(packer.compress(piece) for piece in pieces) + packer.flush()
    return packed


@pytest.mark.parametrize(
    ("encoding", "wbits", "layers"),
    [("gzip", 31, 1), ("x-gzip", 31, 1), ("deflate", 15, 1), ("deflate", -15, 1), ("gzip, gzip", 31, 2)],
)
def test_request_unpacks_a_bomb_to_the_limit_only(
    ask: Ask, raw_server: Any, encoding: str, wbits: int, layers: int
) -> None:
    packed = bomb(wbits, layers)
    head = OK + f"Content-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    port = raw_server(says(head, packed))

    with bounded_memory(), within(4):
        result = ask(f"http://127.0.0.1:{port}/")

    # What the engine does not unpack (several layers, bare deflate), it keeps as it came.
    assert result.kind is FailureKind.TOO_LARGE or len(result.body) <= WEBHOOK_LIMIT


GARBAGE = {
    "no HTTP": b"220 mail.example ESMTP\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    "zeros": bytes(100),
    "no status": b"HTTP/1.1\r\n\r\n",
    "status is no number": b"HTTP/1.1 two OK\r\n\r\n",
    "chunk size is no number": OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n",
    "chunk size is negative": OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nxxxxx\r\n0\r\n\r\n",
    "chunk ends too early": OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx",
    "chunks stop": OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
    "body ends too early": OK + b"Content-Length: 100\r\n\r\nshort",
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_request_fails_when_the_answer_is_no_http(ask: Ask, raw_server: Any, answer: bytes) -> None:
    assert ask(f"http://127.0.0.1:{raw_server(says(answer))}/").kind is FailureKind.PROTOCOL


_pieces = st.sampled_from(
    [
        OK, b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n", b"HTTP/1.0 204 None\r\n", b"HTTP/9.9 999 \r\n",
        b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 5, 6\r\n", b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n", b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate, gzip, br\r\n",
        b"Content-Encoding: gzip, gzip, gzip, gzip, gzip, gzip, gzip\r\n", b"Content-Type: text/html; charset=\xff\r\n",
        b"Set-Cookie: a=b; Expires=never; Domain=.; Path=\xff\r\n", b"Location: http://[\r\n", b"Connection: close\r\n",
        b": empty\r\n", b"no colon\r\n", b" folded\r\n", b"\r\n", b"\n", b"hello", b"5\r\nhello\r\n", b"-5\r\n", b"0\r\n\r\n",
        b"ffffffffffffffffff\r\n", b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcbH\xcd\xc9\xc9\x07\0\x86\xa6\x106\x05\0\0\0", b"\0", b"\xff",
    ]
)  # fmt: skip


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(_pieces | st.binary(max_size=4), max_size=9))
def test_request_ends_in_an_answer_or_a_failure_whatever_comes(ask: Ask, raw_server: Any, pieces: list[bytes]) -> None:
    result = ask(f"http://127.0.0.1:{raw_server(says(b''.join(pieces)))}/", timeout=2)

    assert (result.status is None) == (result.kind is not None)
