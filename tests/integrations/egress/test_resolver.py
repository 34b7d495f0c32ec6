from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from integrations.egress.connecting import guarded_socket
from integrations.egress.errors import RefusedAddressError
from integrations.egress.resolver import GuardedResolver


@pytest.fixture(autouse=True)
def _nothing_allowed(settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []


def answering(*addresses: str) -> Any:
    def look_up(host: str, port: int, *_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    return look_up


def resolve(*addresses: str) -> list[str]:
    async def run() -> list[str]:
        resolver = GuardedResolver(answering(*addresses))
        return [address[0] for *_, address in await resolver.resolve("hook.example", 443)]

    return asyncio.run(run())


def test_resolve_returns_public_addresses() -> None:
    assert resolve("8.8.8.8", "2606:4700::1111") == ["8.8.8.8", "2606:4700::1111"]


def test_resolve_refuses_when_one_of_several_addresses_is_private() -> None:
    with pytest.raises(RefusedAddressError, match=r"hook\.example"):
        resolve("8.8.8.8", "10.0.0.1")


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "64:ff9b::7f00:1", "2002:7f00:1::"])
def test_resolve_refuses_when_all_addresses_are_private(address: str) -> None:
    with pytest.raises(RefusedAddressError, match=r"hook\.example"):
        resolve(address)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "does-not-exist.invalid"])
def test_resolve_raises_os_error_when_the_name_has_no_address(host: str) -> None:
    async def run() -> None:
        await GuardedResolver().resolve(host, 443)

    with pytest.raises(OSError):
        asyncio.run(run())


def test_resolve_can_be_given_up_when_the_system_hangs() -> None:
    released = threading.Event()

    async def run() -> None:
        resolver = GuardedResolver(lambda *_: released.wait(10) and [])
        async with asyncio.timeout(0.05):
            await resolver.resolve("hook.example", 443)

    with pytest.raises(TimeoutError):
        asyncio.run(run())
    released.set()


def test_guarded_socket_refuses_a_literal_private_address() -> None:
    with pytest.raises(RefusedAddressError):
        guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80)))
    with guarded_socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))) as made:
        assert made.family == socket.AF_INET


def test_resolve_asks_once_for_all_who_ask_at_once_and_remembers_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look_up(host: str, port: int, *_: Any) -> list[Any]:
        asked.append(host)
        return answering("8.8.8.8")(host, port)

    async def run() -> None:
        resolver = GuardedResolver(look_up)
        await asyncio.gather(*(resolver.resolve("hook.example", 443) for _ in range(5)))
        await resolver.resolve("hook.example", 443)
        assert asked == ["hook.example"]
        monkeypatch.setattr("integrations.egress.resolver.REMEMBERED_SECONDS", 0.0)
        await resolver.resolve("hook.example", 443)
        assert asked == ["hook.example"] * 2

    asyncio.run(run())


def test_resolve_remembers_no_failure() -> None:
    left: list[Any] = [answering("10.0.0.1"), answering(), answering("8.8.8.8")]

    async def run() -> None:
        resolver = GuardedResolver(lambda *asked: left.pop(0)(*asked))
        with pytest.raises(RefusedAddressError):
            await resolver.resolve("hook.example", 443)
        with pytest.raises(OSError, match="no address"):
            await resolver.resolve("hook.example", 443)
        assert [address[0] for *_, address in await resolver.resolve("hook.example", 443)] == ["8.8.8.8"]

    asyncio.run(run())


def test_resolve_goes_on_for_others_when_one_gives_up() -> None:
    released = threading.Event()

    async def run() -> None:
        resolver = GuardedResolver(lambda *asked: (released.wait(10), answering("8.8.8.8")(*asked))[1])
        impatient = asyncio.create_task(resolver.resolve("hook.example", 443))
        patient = asyncio.create_task(resolver.resolve("hook.example", 443))
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait([impatient])
        released.set()
        assert [address[0] for *_, address in await patient] == ["8.8.8.8"]

    asyncio.run(run())
