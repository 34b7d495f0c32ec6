"""Whose certificates are accepted: both HTTP clients."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from integrations.egress.errors import FailureKind
from integrations.egress.tls import trusted_authorities

Ask = Callable[..., Any]


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def says_hello(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


@pytest.mark.parametrize("host", ["hook.example", "hook.example.", "127.0.0.1"])
def test_request_is_answered_when_the_certificate_is_good(
    ask: Ask, answering: Any, raw_server: Any, authority: Any, host: str
) -> None:
    served = authority.server("hook.example", "127.0.0.1")
    asked_for: list[str | None] = []
    served.sni_callback = lambda _, name, __: asked_for.append(name)
    port = raw_server(says_hello, tls=served)

    result = ask(f"https://{host}:{port}/", lookup=answering(("127.0.0.1",)), tls=authority.trust)

    assert (result.body, result.message) == (b"hello", "")
    assert asked_for == ([None] if host == "127.0.0.1" else ["hook.example"])


def test_request_fails_when_the_certificate_is_for_another_host(
    ask: Ask, answering: Any, raw_server: Any, authority: Any
) -> None:
    port = raw_server(says_hello, tls=authority.server("other.example", "127.0.0.1"))

    failed = ask(f"https://hook.example:{port}/path", lookup=answering(("127.0.0.1",)), tls=authority.trust)

    assert failed.kind is FailureKind.TLS
    assert "certificate of hook.example" in failed.message
    assert "path" not in failed.message


@pytest.mark.parametrize(
    ("how", "word"),
    [
        ({"lasts": timedelta(days=-1)}, "expired"),
        ({"self_signed": True}, "certificate of hook.example was not accepted"),
    ],
)
def test_request_fails_when_the_certificate_is_not_good(
    ask: Ask, answering: Any, raw_server: Any, authority: Any, how: dict[str, Any], word: str
) -> None:
    port = raw_server(says_hello, tls=authority.server("hook.example", **how))

    failed = ask(f"https://hook.example:{port}/", lookup=answering(("127.0.0.1",)), tls=authority.trust)

    assert failed.kind is FailureKind.TLS
    assert word in failed.message


def test_request_fails_when_the_authority_is_not_the_systems(
    ask: Ask, answering: Any, raw_server: Any, authority: Any
) -> None:
    port = raw_server(says_hello, tls=authority.server("hook.example"))

    assert ask(f"https://hook.example:{port}/", lookup=answering(("127.0.0.1",))).kind is FailureKind.TLS


def test_request_fails_when_the_other_side_speaks_no_tls(ask: Ask, receiver: Any) -> None:
    assert ask(f"https://127.0.0.1:{receiver.port}/").kind is FailureKind.TLS


def test_request_gives_the_handshake_all_the_time_that_is_left(
    ask: Ask, answering: Any, raw_server: Any, authority: Any
) -> None:
    """Not only the share of its address."""
    served = authority.server("hook.example")
    served.sni_callback = lambda *_: time.sleep(0.8)
    port = raw_server(says_hello, tls=served)
    lookup = answering(("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4"))

    assert ask(f"https://hook.example:{port}/", timeout=3, lookup=lookup, tls=authority.trust).body == b"hello"


def test_request_reads_an_answer_over_tls_within_its_deadline(
    ask: Ask, answering: Any, raw_server: Any, authority: Any
) -> None:
    """Each record arrives in time, the answer does not."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            time.sleep(0.05)
            connection.sendall(b"x")

    port = raw_server(drip, tls=authority.server("hook.example"))
    started = time.monotonic()

    failed = ask(f"https://hook.example:{port}/", timeout=0.5, lookup=answering(("127.0.0.1",)), tls=authority.trust)

    assert failed.kind is FailureKind.TIMEOUT
    assert time.monotonic() - started < 2


def test_trusted_authorities_verifies_certificates_and_names() -> None:
    context = trusted_authorities()

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_trusted_authorities_falls_back_to_mozillas_when_the_system_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/does/not/exist")
    monkeypatch.setenv("SSL_CERT_DIR", "/does/not/exist")
    trusted_authorities.cache_clear()
    try:
        assert trusted_authorities().cert_store_stats()["x509_ca"] > 50
    finally:
        trusted_authorities.cache_clear()
