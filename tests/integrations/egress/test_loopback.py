"""The client that reaches one listener of its own process: that one, and nothing else."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
from pytest_django import Settings

from config.deployment.trial_receiver import TrialReceiver
from integrations.egress.client import Answer, GuardedClient, TransportError
from integrations.egress.destination import Origin
from integrations.egress.errors import FailureKind
from integrations.egress.loopback import LoopbackClient


@pytest.fixture(autouse=True)
def _production(settings: Settings) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    settings.OUTBOUND_REQUIRE_HTTPS = True


def post(client: GuardedClient, url: str) -> Answer:
    async def run() -> Answer:
        async with client:
            return await client.post(url, headers={"X-Trial": "1"}, body=b"{}", timeout=5)

    return asyncio.run(run())


def refusal(client: GuardedClient, url: str) -> FailureKind:
    with pytest.raises(TransportError) as refused:
        post(client, url)
    return refused.value.kind


def test_reaches_its_own_listener_over_tls() -> None:
    with TrialReceiver("here") as receiver:
        answer = post(receiver.client(), receiver.url)
        assert (answer.status, answer.body) == (200, b"{}")
        assert answer.timing.tls_ms is not None
        [received] = receiver.received
        assert (received.headers["X-Trial"], received.body) == ("1", b"{}")


def test_everybody_else_who_has_the_address_reaches_nothing() -> None:
    with TrialReceiver("here") as receiver:
        port = receiver.url.rsplit(":", 1)[1].strip("/")
        assert refusal(GuardedClient(), receiver.url) is FailureKind.DNS
        assert refusal(GuardedClient(), f"https://127.0.0.1:{port}/") is FailureKind.REFUSED
        assert receiver.received == []


@pytest.mark.parametrize("other", ["https://there.signalbox-trial.invalid:{port}/", "https://127.0.0.1:{port}/", "https://example.com/"])  # fmt: skip
def test_refuses_every_other_origin(other: str) -> None:
    with TrialReceiver("here") as receiver:
        port = receiver.url.rsplit(":", 1)[1].strip("/")
        assert refusal(receiver.client(), other.format(port=port)) is FailureKind.REFUSED
        assert receiver.received == []


def test_trusts_the_listeners_certificate_and_no_other() -> None:
    with TrialReceiver("here") as receiver, TrialReceiver("here") as impostor:
        origin = Origin(True, receiver.host, int(receiver.url.rsplit(":", 1)[1].strip("/")))
        client = LoopbackClient(origin, impostor._listener, receiver._trusting)
        assert refusal(client, receiver.url) is FailureKind.TLS
        assert impostor.received == []


def test_takes_nothing_but_a_socket_that_listens_on_the_loopback_address() -> None:
    origin, tls = Origin(True, "here.invalid", 443), ssl.create_default_context()
    with socket.socket() as everywhere, socket.socket() as idle, socket.socket() as connected, socket.socket() as peer:
        everywhere.bind(("0.0.0.0", 0))  # noqa: S104
        everywhere.listen()
        idle.bind(("127.0.0.1", 0))
        peer.bind(("127.0.0.1", 0))
        peer.listen()
        connected.connect(peer.getsockname())
        for wrong in (everywhere, idle, connected):
            with pytest.raises(ValueError, match="must listen on a loopback address"):
                LoopbackClient(origin, wrong, tls)
        LoopbackClient(origin, peer, tls)
