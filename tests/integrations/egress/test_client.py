from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integrations.egress.client import READ_LIMIT, Answer, Destination, FailureKind, GuardedClient, TransportError
from integrations.egress.resolver import GuardedResolver
from tests.receiver import Receiver


@pytest.fixture(autouse=True)
def _loopback_allowed(settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


def post(
    url: str | Destination, *, timeout: float = 5.0, resolver: GuardedResolver | None = None, **more: Any
) -> Answer:
    async def run() -> Answer:
        async with GuardedClient(resolver) as client:
            return await client.post(url, headers={"X-Test": "1"}, body=b'{"a":1}', timeout=timeout, **more)

    return asyncio.run(run())


def failure(url: str | Destination, **more: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        post(url, **more)
    return caught.value


def test_post_sends_the_bytes_and_returns_the_answer(receiver: Receiver) -> None:
    receiver.answer("/hook", status=202, body="done", headers={"X-Reply": "yes"})

    answer = post(receiver.url("/hook?q=1"))

    assert (answer.status, answer.body, answer.header("x-reply"), answer.is_cut) == (202, b"done", "yes", False)
    (request,) = receiver.requests
    assert (request.method, request.query, request.body, request.headers["x-test"]) == ("POST", "q=1", b'{"a":1}', "1")
    assert "cookie" not in request.headers
    assert answer.timing.connect_ms is not None
    assert answer.timing.first_byte_ms is not None
    assert answer.timing.total_ms >= answer.timing.first_byte_ms
    assert answer.timing.dns_ms is None  # the address stood in the URL


def test_post_measures_dns_when_a_name_is_resolved(receiver: Receiver) -> None:
    def slowly(host: str, port: int, *_: Any) -> list[Any]:
        time.sleep(0.05)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    answer = post(f"http://hook.example:{receiver.port}/", resolver=GuardedResolver(slowly))

    assert answer.timing.dns_ms is not None
    assert answer.timing.dns_ms >= 50
    assert receiver.requests[0].headers["host"] == f"hook.example:{receiver.port}"


def test_post_keeps_no_cookies(receiver: Receiver) -> None:
    receiver.answer("/", headers={"Set-Cookie": "session=1; Path=/"})

    async def twice() -> None:
        async with GuardedClient() as client:
            for _ in range(2):
                await client.post(receiver.url("/"), headers={}, body=b"", timeout=5)

    asyncio.run(twice())
    assert "cookie" not in receiver.requests[1].headers


def test_post_refuses_a_literal_private_address(receiver: Receiver, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []

    refusal = failure(Destination.of(receiver.url("/secret-path")))  # past the check of its text

    assert refusal.kind is FailureKind.REFUSED
    assert "secret-path" not in refusal.message
    assert receiver.requests == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_post_refuses_other_notations_of_ipv4(receiver: Receiver, host: str, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []

    failure(Destination.of(f"http://{host}:{receiver.port}/"))  # past the check of its text

    assert receiver.requests == []


def test_post_times_out_when_the_answer_does_not_come(receiver: Receiver) -> None:
    receiver.answer("/slow", delay=30)
    started = time.monotonic()

    timeout = failure(receiver.url("/slow"), timeout=0.2)

    assert (timeout.kind, timeout.message) == (
        FailureKind.TIMEOUT,
        "No complete answer within 0.2 s (waiting for the answer).",
    )
    assert time.monotonic() - started < 2
    assert timeout.timing.total_ms >= 200


def test_post_times_out_when_the_body_drips(receiver: Receiver) -> None:
    receiver.answer("/drip", body="x" * 1000, drip=0.02)

    timeout = failure(receiver.url("/drip"), timeout=0.3)

    assert (timeout.kind, "reading the answer" in timeout.message) == (FailureKind.TIMEOUT, True)


@pytest.mark.parametrize("size", [READ_LIMIT - 1, READ_LIMIT])
def test_post_reads_a_whole_answer_up_to_the_limit(receiver: Receiver, size: int) -> None:
    receiver.answer("/", body=b"x" * size)

    answer = post(receiver.url("/"))

    assert (len(answer.body), answer.is_cut) == (size, False)


@pytest.mark.parametrize("how", [{"body": b"x" * 5_000_000}, {"body": b"x" * 10_000, "endless": True}])
def test_post_stops_reading_at_the_limit(receiver: Receiver, how: dict[str, Any]) -> None:
    receiver.answer("/", **how)

    answer = post(receiver.url("/"))

    assert (len(answer.body), answer.is_cut) == (READ_LIMIT, True)


def test_post_unpacks_gzip_that_nobody_asked_for(receiver: Receiver) -> None:
    receiver.answer("/", body=gzip.compress(b"hello"), headers={"Content-Encoding": "gzip"})

    assert post(receiver.url("/")).body == b"hello"


def test_post_fails_to_connect_when_nobody_listens() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    refused = failure(f"http://127.0.0.1:{port}/token")

    assert (refused.kind, refused.message) == (
        FailureKind.CONNECT,
        f"No connection to 127.0.0.1, port {port}: Connection refused.",
    )


def test_post_fails_when_the_connection_is_reset(receiver: Receiver) -> None:
    receiver.answer("/", reset=True)

    assert failure(receiver.url("/")).kind is FailureKind.CONNECT
    assert len(receiver.requests) == 1


def test_post_fails_when_the_name_does_not_exist() -> None:
    assert failure("http://does-not-exist.invalid/").kind is FailureKind.DNS


def test_post_repeats_when_a_kept_connection_has_ended() -> None:
    """The server answers once on each connection and then closes it without a word, as idle ones are closed."""
    served = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'{"a":1}')
        served.append(writer)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        await reader.readexactly(1)  # the next request begins: too late
        writer.transport.abort()

    async def run() -> list[int]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with GuardedClient() as client:
            return [(await client.post(url, headers={}, body=b'{"a":1}', timeout=5)).status for _ in range(2)]

    assert asyncio.run(run()) == [200, 200]
    assert len(served) == 2
