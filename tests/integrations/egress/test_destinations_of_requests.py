"""Where requests go, and where they are not allowed to go: both HTTP clients."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from integrations.egress.errors import FailureKind
from tests.receiver import Receiver

Ask = Callable[..., Any]

PRIVATE = {
    "loopback": "127.0.0.1",
    "metadata": "169.254.169.254",
    "private": "10.0.0.1",
    "shared": "100.64.0.1",
    "this host": "0.0.0.0",  # noqa: S104  (an example)
    "broadcast": "255.255.255.255",
    "IPv6 loopback": "::1",
    "IPv6 unspecified": "::",
    "mapped": "::ffff:127.0.0.1",
    "mapped public": "::ffff:8.8.8.8",
    "compatible": "::127.0.0.1",
    "6to4": "2002:7f00:1::",
    "NAT64": "64:ff9b::7f00:1",
    "local NAT64": "64:ff9b:1::7f00:1",
    "Teredo": "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "unique local": "fd00:ec2::254",
    "link-local": "fe80::1%1",
}


@pytest.fixture(autouse=True)
def _all_refused(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    settings.OUTBOUND_REQUIRE_HTTPS = False


def takes(answers: list[str]) -> Callable[[socket.socket], None]:
    """A server that notes which of its addresses was called."""

    def serve(connection: socket.socket) -> None:
        answers.append(connection.getsockname()[0])
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")

    return serve


@pytest.mark.parametrize("address", PRIVATE.values(), ids=PRIVATE)
def test_request_is_refused_when_the_name_leads_to_a_private_address(ask: Ask, answering: Any, address: str) -> None:
    refused = ask("http://hook.example:8080/path", lookup=answering((address,)))

    assert (refused.kind, "hook.example" in refused.message) == (FailureKind.REFUSED, True)
    assert (address in refused.message, "path" in refused.message) == (False, False)


@pytest.mark.parametrize("address", PRIVATE.values(), ids=PRIVATE)
def test_request_is_refused_when_one_of_several_addresses_is_private(ask: Ask, answering: Any, address: str) -> None:
    assert ask("http://hook.example/", lookup=answering(("8.8.8.8", address))).kind is FailureKind.REFUSED
    assert ask("http://hook.example/", lookup=answering((address, "8.8.8.8"))).kind is FailureKind.REFUSED


def test_request_goes_to_the_checked_address_when_the_name_changes_its_answer(
    ask: Ask, answering: Any, raw_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.2/32"]
    called: list[str] = []
    port = raw_server(takes(called), host="0.0.0.0")  # noqa: S104  (whatever address is called is noted)
    rebinding = answering(("127.0.0.2",), ("127.0.0.1",))
    # Nobody but the guard resolves names.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *arguments, **_: pytest.fail(f"resolved again: {arguments}"))

    assert ask(f"http://hook.example:{port}/", lookup=rebinding).status == 200
    assert ask(f"http://hook.example:{port}/", lookup=rebinding).kind is FailureKind.REFUSED

    assert called == ["127.0.0.2"]
    assert rebinding.asked == ["hook.example", "hook.example"]


def test_request_tries_the_next_address_when_the_first_does_not_answer(
    ask: Ask, answering: Any, raw_server: Any, settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    called: list[str] = []
    port = raw_server(takes(called))

    assert ask(f"http://hook.example:{port}/", lookup=answering(("127.0.0.3", "127.0.0.1"))).body == b"ok"
    assert called == ["127.0.0.1"]


def test_request_leaves_time_for_the_next_address_when_the_first_swallows_packets(
    ask: Ask, answering: Any, raw_server: Any, settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    called: list[str] = []
    port = raw_server(takes(called))
    with socket.create_server(("127.0.0.2", port), backlog=0) as full, socket.socket() as waiting:
        waiting.connect(full.getsockname())  # all places are taken: further packets are swallowed

        lookup = answering(("127.0.0.2", "127.0.0.1"))
        assert ask(f"http://hook.example:{port}/", timeout=2, lookup=lookup).body == b"ok"
    assert called == ["127.0.0.1"]


def test_request_reaches_exactly_what_the_operator_lists(ask: Ask, raw_server: Any, settings: Any) -> None:
    called: list[str] = []
    port = raw_server(takes(called), host="0.0.0.0")  # noqa: S104  (whatever address is called is noted)
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.2/32"]

    assert ask(f"http://127.0.0.2:{port}/").status == 200
    for other in ("127.0.0.1", "127.0.0.3", "[::1]", "[::ffff:127.0.0.2]", "10.0.0.1"):
        assert ask(f"http://{other}:{port}/").kind is FailureKind.REFUSED

    assert called == ["127.0.0.2"]


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",  # decimal
        "0x7f000001",  # hexadecimal
        "0x7f.0.0.1",
        "0177.0.0.1",  # octal
        "017700000001",
        "127.1",  # short
        "0",
        "127.0.0.1.",
        "localhost",
        "localhost.",
        "[::1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "①②⑦.⓪.⓪.①",
        "１２７。0。0。1",
        "user@127.0.0.1",
        "user:secret@example.com",
        "example.com\\@127.0.0.1",
        "example.com%0d%0aHost:%20a",
        "-example.com",
        "exa mple.com",
    ],
)
def test_request_is_refused_when_the_host_is_a_disguise(ask: Ask, answering: Any, host: str) -> None:
    lookup = answering(("127.0.0.1",))

    assert ask(f"http://{host}/", lookup=lookup).kind is FailureKind.REFUSED
    assert lookup.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "file:///etc/passwd",
        "//example.com/",
        "http:///path",
        "http://example.com:0/",
        "http://example.com:65536/",
        "http://example.com:80a/",
        "http://example.com/\r\nX-Injected: 1",
        "http://example.com/a\tb",
        "http://example.com/#part",
        "http://[::1/",
    ],
)
def test_request_is_refused_when_the_url_is_no_plain_http_url(ask: Ask, answering: Any, url: str) -> None:
    lookup = answering(("8.8.8.8",))

    assert ask(url, lookup=lookup).kind is FailureKind.REFUSED
    assert lookup.asked == []


def test_request_is_refused_when_https_is_required(ask: Ask, answering: Any, settings: Any) -> None:
    settings.OUTBOUND_REQUIRE_HTTPS = True

    assert ask("http://example.com/", lookup=answering(("8.8.8.8",))).kind is FailureKind.REFUSED


@pytest.mark.parametrize(
    ("host", "sent"),
    [
        ("hook.example.", "hook.example"),
        ("HOOK.example", "hook.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("ｈook。example", "hook.example"),
    ],
)
def test_request_names_the_host_in_its_normal_form(
    ask: Ask, answering: Any, receiver: Receiver, settings: Any, host: str, sent: str
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    lookup = answering(("127.0.0.1",))

    assert ask(f"http://{host}:{receiver.port}/a?b=c", lookup=lookup).status == 200

    (request,) = receiver.requests
    assert (request.headers["host"], request.path, request.query) == (f"{sent}:{receiver.port}", "/a", "b=c")
    assert lookup.asked == [sent]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["http://10.0.0.1/", "http://169.254.169.254/latest/", "/to", "file:///etc/passwd"]
)
def test_request_follows_no_redirect(ask: Ask, receiver: Receiver, settings: Any, status: int, location: str) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    receiver.answer("/from", status=status, headers={"Location": location})

    assert ask(receiver.url("/from")).status == status
    assert [request.path for request in receiver.requests] == ["/from"]


def test_request_fails_when_a_header_holds_a_line_break(ask: Ask, receiver: Receiver, settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]

    failed = ask(receiver.url("/"), headers={"X-Token": "secret\r\nX-B: b"})

    assert (failed.kind, "secret" in failed.message) == (FailureKind.PROTOCOL, False)
    assert receiver.requests == []


def test_request_ignores_proxies_and_netrc_of_the_environment(
    ask: Ask, receiver: Receiver, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert ask(receiver.url("/")).status == 200
    assert "authorization" not in receiver.requests[0].headers
