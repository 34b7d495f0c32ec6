from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any
from uuid import UUID

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from config.request_context import RequestContextMiddleware, client_address, parse_address

PROXIES = [ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")]


class Seen:
    """Remembers the request that came through the middleware, and the context around it."""

    request: HttpRequest
    context: dict[str, Any]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.request = request
        self.context = structlog.contextvars.get_contextvars()
        return HttpResponse(status=204)


def send(path: str = "/x", peer: str = "203.0.113.9", **headers: str) -> tuple[HttpResponse, Seen]:
    seen = Seen()
    meta = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    request = RequestFactory().get(path, REMOTE_ADDR=peer, **meta)
    return RequestContextMiddleware(seen)(request), seen


def test_gives_every_request_an_id_that_the_answer_and_the_log_context_carry() -> None:
    response, seen = send()

    request_id = response.headers["X-Request-ID"]
    assert UUID(request_id).version == 7
    assert seen.request.request_id == request_id  # type: ignore[attr-defined]
    assert seen.context == {"request_id": request_id, "client_address": "203.0.113.9"}
    assert structlog.contextvars.get_contextvars() == {}


def test_gives_two_requests_two_ids() -> None:
    assert send()[0].headers["X-Request-ID"] != send()[0].headers["X-Request-ID"]


def test_takes_a_trusted_proxys_request_id(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = PROXIES

    assert send(peer="10.1.1.1", x_request_id="edge-42")[0].headers["X-Request-ID"] == "edge-42"


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "line\nbreak", "é"])
def test_makes_its_own_id_when_the_proxys_is_malformed(settings: Settings, given: str) -> None:
    settings.TRUSTED_PROXIES = PROXIES

    assert send(peer="10.1.1.1", x_request_id=given)[0].headers["X-Request-ID"] != given


def test_ignores_forwarded_headers_when_the_peer_is_no_trusted_proxy(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = PROXIES

    response, seen = send(x_request_id="mine", x_forwarded_for="198.51.100.1", x_forwarded_proto="https")

    assert response.headers["X-Request-ID"] != "mine"
    assert seen.context["client_address"] == "203.0.113.9"
    # Otherwise a client could make Django believe that the connection is encrypted.
    assert not {"HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_FOR"} & set(seen.request.META)


def test_keeps_forwarded_headers_when_the_peer_is_a_trusted_proxy(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = PROXIES

    _, seen = send(peer="10.1.1.1", x_forwarded_for="198.51.100.1", x_forwarded_proto="https")

    assert seen.context["client_address"] == "198.51.100.1"
    assert seen.request.META["HTTP_X_FORWARDED_PROTO"] == "https"


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),
        ("10.1.1.1", "", "10.1.1.1"),
        ("10.1.1.1", "198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "198.51.100.1, 10.2.2.2", "198.51.100.1"),
        # The client wrote the first one itself.
        ("10.1.1.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),
        ("10.1.1.1", "1.2.3.4, nonsense", "10.1.1.1"),
        ("10.1.1.1", "10.3.3.3, 10.2.2.2", "10.3.3.3"),
        ("2001:db8:1::1", "[2001:db8:2::5]:4711", "2001:db8:2::5"),
        ("10.1.1.1", "198.51.100.1:5678", "198.51.100.1"),
        ("10.1.1.1", "::ffff:198.51.100.1", "198.51.100.1"),
    ],
)
def test_finds_the_client_behind_trusted_proxies(peer: str, forwarded: str, client: str) -> None:
    assert client_address(parse_address(peer), forwarded, PROXIES) == ip_address(client)


@pytest.mark.parametrize("text", ["", "unknown", "_hidden", "1.2.3", "[::1", "a:b"])
def test_finds_no_address_when_there_is_none(text: str) -> None:
    assert parse_address(text) is None


def test_drops_the_zone_of_an_address() -> None:
    assert str(parse_address("fe80::1%eth0")) == "fe80::1"


def test_logs_one_line_per_request_without_its_query() -> None:
    with structlog.testing.capture_logs() as lines:
        send("/api/x?token=abc")

    (line,) = lines
    assert line.pop("duration_ms") >= 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "method": "GET",
        "path": "/api/x",
        "status": 204,
        "user_id": None,
    }


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/static/admin/css/base.css"])
def test_logs_probes_and_static_files_only_at_debug_level(path: str) -> None:
    with structlog.testing.capture_logs() as lines:
        send(path)

    assert [line["log_level"] for line in lines] == ["debug"]
