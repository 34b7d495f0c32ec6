"""Connections of the engine's client: when one is used again, when not, and what is left of it when it fails."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from integrations.egress import kept_connections
from integrations.egress.client import Answer, FailureKind, GuardedClient, TransportError
from integrations.egress.resolver import GuardedResolver
from tests.integrations.egress.scripted_server import OK, Connected, Script, Server, answers, serving

CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.OUTBOUND_REQUIRE_HTTPS = False


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run in an event loop; the engine has uvloop's where there is one."""

    def run(main: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(main)

    return run


def everywhere_loopback() -> GuardedResolver:
    return GuardedResolver(lambda host, port, *_: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))])


async def post(client: GuardedClient, server: Server, *, body: bytes = b"{}", timeout: float = 5) -> Answer:
    return await client.post(f"http://127.0.0.1:{server.port}/path", headers={}, body=body, timeout=timeout)


async def failure(client: GuardedClient, server: Server, **more: Any) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await post(client, server, **more)
    assert "path" not in caught.value.message
    return caught.value


# --- Used again or not ---


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (OK, 1),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 1),
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nok", 1),
        (CLOSING, 3),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 3),
        (OK + b"garbage", 3),
        (OK + OK, 3),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nok", 3),
    ],
)
def test_connection_is_used_again_only_after_an_answer_with_nothing_behind_it(
    run: Any, answer: bytes, connections: int
) -> None:
    async def main() -> None:
        async with serving(answers(answer)) as server, GuardedClient() as client:
            timings = [(await post(client, server)).timing for _ in range(3)]
            assert len(server.connections) == connections
            assert [timing.connect_ms is None for timing in timings] == [False, connections == 1, connections == 1]

    run(main())


def test_connection_is_not_used_again_when_something_came_while_nobody_asked(run: Any) -> None:
    async def main() -> None:
        async with serving(answers(OK)) as server, GuardedClient() as client:
            await post(client, server)
            (first,) = server.connections
            await first.say(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno")
            await asyncio.wait_for(first.left.wait(), 5)

            assert (await post(client, server)).status == 200
            assert server.requests == [1, 1]

    run(main())


def test_connection_is_not_used_again_when_the_request_was_answered_before_it_was_read(run: Any) -> None:
    async def early(connected: Connected) -> None:
        await connected.reader.readuntil(b"\r\n\r\n")
        await connected.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.sleep(0.1)  # it reads on only then, and would keep the connection
        await connected.until_left()

    async def main() -> None:
        async with serving(early, answers(OK)) as server, GuardedClient() as client:
            assert (await post(client, server, body=bytes(50_000_000))).status == 413
            await asyncio.wait_for(server.connections[0].left.wait(), kept_connections.KEEP_ALIVE_SECONDS / 2)
            assert (await post(client, server)).status == 200

    run(main())


def test_connections_of_one_address_are_kept_apart_by_name(run: Any) -> None:
    async def main() -> list[int]:
        async with serving(answers(OK)) as server, GuardedClient(everywhere_loopback()) as client:
            for host in ("a.example", "b.example", "a.example"):
                await client.post(f"http://{host}:{server.port}/", headers={}, body=b"", timeout=5)
            return server.requests

    assert run(main()) == [2, 1]


def test_connection_is_closed_when_it_was_idle_for_long(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "KEEP_ALIVE_SECONDS", 0.05)
    monkeypatch.setattr(kept_connections, "_LOOK_SECONDS", 0.02)

    async def main() -> list[int]:
        async with serving(answers(OK)) as server, GuardedClient() as client:
            await post(client, server)
            await asyncio.wait_for(server.connections[0].left.wait(), 5)
            await post(client, server)
            return server.requests

    assert run(main()) == [1, 1]


def test_connection_is_closed_when_it_has_lived_for_long(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_connections, "LONGEST_LIFE_SECONDS", -1)

    async def main() -> list[int]:
        async with serving(answers(OK)) as server, GuardedClient() as client:
            await post(client, server)
            await asyncio.wait_for(server.connections[0].left.wait(), kept_connections.KEEP_ALIVE_SECONDS / 2)
            await post(client, server)
            return server.requests

    assert run(main()) == [1, 1]


def test_connections_are_closed_with_the_client(run: Any) -> None:
    async def main() -> None:
        async with serving(answers(OK)) as server:
            async with GuardedClient() as client:
                await asyncio.gather(*(post(client, server) for _ in range(5)))
            assert len(server.connections) == 5
            await asyncio.wait_for(asyncio.gather(*(each.left.wait() for each in server.connections)), 5)

    run(main())


# --- A kept connection that has ended meanwhile ---


def ends_with(last_words: bytes, *, resets: bool) -> Script:
    """Answer one request; say something to the next, and end."""

    async def script(connected: Connected) -> None:
        await connected.request()
        await connected.say(OK)
        await connected.request()
        await connected.say(last_words)
        if resets:
            connected.reset()

    return script


@pytest.mark.parametrize("resets", [True, False])
def test_request_is_sent_once_more_when_a_kept_connection_ends_without_a_byte(run: Any, resets: bool) -> None:
    async def main() -> list[int]:
        async with serving(ends_with(b"", resets=resets), answers(OK)) as server, GuardedClient() as client:
            assert [(await post(client, server)).status for _ in range(2)] == [200, 200]
            return server.requests

    assert run(main()) == [2, 1]


@pytest.mark.parametrize("words", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok"])
def test_request_is_not_sent_again_when_an_answer_had_begun(run: Any, words: bytes) -> None:
    async def main() -> list[int]:
        async with serving(ends_with(words, resets=False), answers(OK)) as server, GuardedClient() as client:
            await post(client, server)
            assert (await failure(client, server)).kind in {FailureKind.CONNECT, FailureKind.PROTOCOL}
            return server.requests

    assert run(main()) == [2]


def test_request_is_sent_once_more_at_most(run: Any) -> None:
    async def silent(connected: Connected) -> None:
        await connected.request()

    async def main() -> list[int]:
        async with serving(ends_with(b"", resets=False), silent) as server, GuardedClient() as client:
            await post(client, server)
            failed = await failure(client, server)
            assert (failed.kind, failed.message) == (
                FailureKind.CONNECT,
                "The connection was lost (waiting for the answer): the other side closed it.",
            )
            return server.requests

    assert run(main()) == [2, 1]


def test_second_try_ends_with_the_deadline_of_the_first(run: Any) -> None:
    async def late(connected: Connected) -> None:
        await connected.request()
        await connected.say(OK)
        await connected.request()
        await asyncio.sleep(0.2)

    async def silent(connected: Connected) -> None:
        await connected.until_left()

    async def main() -> None:
        async with serving(late, silent) as server, GuardedClient() as client:
            await post(client, server)
            started = time.monotonic()
            assert (await failure(client, server, timeout=0.4)).kind is FailureKind.TIMEOUT
            assert 0.35 < time.monotonic() - started < 0.58
            assert len(server.connections) == 2

    run(main())


# --- Ends, at each stage ---

STAGES = {
    "before the answer": (b"", FailureKind.CONNECT, "waiting for the answer"),
    "in the status line": (b"HTTP/1.1 2", FailureKind.CONNECT, "waiting for the answer"),
    "in the head": (b"HTTP/1.1 200 OK\r\nX-A: a", FailureKind.CONNECT, "waiting for the answer"),
    "after an interim answer": (b"HTTP/1.1 100 Continue\r\n\r\n", FailureKind.CONNECT, "waiting for the answer"),
    "in the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", FailureKind.PROTOCOL, "before it was complete"),
    "in a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
        FailureKind.PROTOCOL,
        "before it was complete",
    ),
    "without length": (b"HTTP/1.1 200 OK\r\n\r\nok", None, ""),
}


@pytest.mark.parametrize(("words", "kind", "told"), STAGES.values(), ids=STAGES)
@pytest.mark.parametrize("is_tls", [False, True], ids=["plain", "TLS"])
@pytest.mark.parametrize("resets", [False, True], ids=["ends", "resets"])
def test_request_fails_when_the_connection_ends_too_early(
    run: Any, authority: Any, words: bytes, kind: FailureKind | None, told: str, is_tls: bool, resets: bool
) -> None:
    async def script(connected: Connected) -> None:
        await connected.request()
        await connected.say(words)
        if resets:
            await asyncio.sleep(0.05)  # let the words arrive
            plain: socket.socket = connected.writer.get_extra_info("socket")
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connected.reset()

    async def main() -> None:
        tls = authority.server("127.0.0.1") if is_tls else None
        async with serving(script, tls=tls) as server, GuardedClient(tls=authority.trust) as client:
            url = f"{'https' if is_tls else 'http'}://127.0.0.1:{server.port}/"
            try:
                answer = await client.post(url, headers={}, body=b"{}", timeout=5)
            except TransportError as error:
                got: FailureKind | None = error.kind
                message = error.message
            else:
                got, message = None, ""
                assert (answer.status, answer.body) == (200, b"ok")
            if resets and words:
                assert got in {FailureKind.CONNECT, kind}  # TLS and some systems tell a reset like an end
            else:
                assert (got, told in message) == (kind, True)
            assert server.requests == [1]

    run(main())


def test_request_fails_when_the_other_side_speaks_first(run: Any) -> None:
    async def script(connected: Connected) -> None:
        await connected.say(b"220 mail.example ESMTP\r\n")
        await connected.until_left()

    async def main() -> None:
        async with serving(script) as server, GuardedClient() as client:
            assert (await failure(client, server)).kind in {FailureKind.PROTOCOL, FailureKind.CONNECT}
            await asyncio.wait_for(server.connections[0].left.wait(), 5)

    run(main())


# --- Given up ---


async def _hang(connected: Connected) -> None:
    await connected.until_left()


async def _hang_in_the_body(connected: Connected) -> None:
    await connected.request()
    await connected.say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok")
    await connected.until_left()


@pytest.mark.parametrize("script", [_hang, _hang_in_the_body])
@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_connection_is_closed_when_its_request_is_given_up(run: Any, script: Script, how: str) -> None:
    async def main() -> None:
        async with serving(script) as server, GuardedClient() as client:
            if how == "timeout":
                assert (await failure(client, server, timeout=0.1)).kind is FailureKind.TIMEOUT
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(post(client, server), 0.1)
            await asyncio.wait_for(server.connections[0].left.wait(), 5)

    run(main())


@pytest.mark.parametrize("how", ["cancelled", "timeout"])
def test_connection_is_closed_when_the_tls_handshake_hangs(run: Any, authority: Any, how: str) -> None:
    async def main() -> None:
        async with serving(_hang) as server, GuardedClient(tls=authority.trust) as client:
            url = f"https://127.0.0.1:{server.port}/"
            timeout = 0.1 if how == "timeout" else 5
            asking = asyncio.create_task(client.post(url, headers={}, body=b"{}", timeout=timeout))
            if how == "timeout":
                with pytest.raises(TransportError) as caught:
                    await asking
                assert caught.value.message == "No complete answer within 0.1 s (agreeing on TLS)."
                assert (caught.value.timing.tls_ms or 0) >= 90
            else:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(asking, 0.1)
            await asyncio.wait_for(server.connections[0].left.wait(), 5)

    run(main())


@pytest.mark.parametrize("resets", [False, True])
def test_request_fails_when_the_connection_ends_in_the_tls_handshake(run: Any, authority: Any, resets: bool) -> None:
    async def script(connected: Connected) -> None:
        await connected.reader.read(1)
        if resets:
            connected.reset()

    async def main() -> None:
        async with serving(script) as server, GuardedClient(tls=authority.trust) as client:
            with pytest.raises(TransportError) as caught:
                await client.post(f"https://127.0.0.1:{server.port}/", headers={}, body=b"{}", timeout=5)
            assert caught.value.kind in {FailureKind.CONNECT, FailureKind.TLS}

    run(main())


def test_timing_tells_connecting_from_tls(run: Any, authority: Any) -> None:
    served = authority.server("127.0.0.1")
    served.sni_callback = None

    async def main() -> list[Any]:
        async with serving(answers(OK), tls=served) as server, GuardedClient(tls=authority.trust) as client:
            url = f"https://127.0.0.1:{server.port}/"
            return [(await client.post(url, headers={}, body=b"{}", timeout=5)).timing for _ in range(2)]

    first, second = run(main())
    assert (first.dns_ms, second.dns_ms) == (None, None)
    assert first.connect_ms is not None
    assert first.tls_ms is not None
    assert first.first_byte_ms is not None
    assert first.total_ms >= first.first_byte_ms >= first.connect_ms + first.tls_ms - 1
    assert (second.connect_ms, second.tls_ms) == (None, None)
    assert second.total_ms >= second.first_byte_ms
