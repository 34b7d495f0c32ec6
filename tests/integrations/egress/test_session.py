"""What only the requests session does; what both HTTP clients do is tested beside it."""

from __future__ import annotations

import logging
import secrets
import socket
import traceback
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from django.db import transaction

from integrations.egress import connections
from integrations.egress.errors import FailureKind, RequestInTransactionError
from integrations.egress.session import READ_LIMIT, GuardedSession, OutboundError, guarded_session
from tests.receiver import Receiver


@pytest.fixture(autouse=True)
def _loopback_allowed(settings: Any) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    settings.OUTBOUND_REQUIRE_HTTPS = False


@pytest.fixture
def session() -> Iterator[GuardedSession]:
    with guarded_session(timeout=5) as opened:
        yield opened


def failure(session: GuardedSession, url: str, **how: Any) -> OutboundError:
    with pytest.raises(OutboundError) as caught:
        session.get(url, **how)
    return caught.value


def test_get_returns_the_answer_and_sends_what_it_was_given(session: GuardedSession, receiver: Receiver) -> None:
    receiver.answer("/items", body={"items": [1]}, headers={"X-Reply": "yes"})

    answer = session.get(receiver.url("/items"), params={"q": "a b", "f[x]": "1"}, headers={"X-Token": "t"})

    assert (answer.status_code, answer.json(), answer.headers["x-reply"]) == (200, {"items": [1]}, "yes")
    (request,) = receiver.requests
    assert (request.method, request.path, request.query) == ("GET", "/items", "q=a+b&f%5Bx%5D=1")
    assert (request.headers["x-token"], request.headers["user-agent"]) == ("t", "Signalbox")


def test_answer_can_be_read_in_every_way_that_requests_has(session: GuardedSession, receiver: Receiver) -> None:
    receiver.answer("/", body=b"one\ntwo")

    answer = session.get(receiver.url("/"), stream=True)

    assert (answer.content, answer.text, list(answer.iter_lines())) == (b"one\ntwo", "one\ntwo", [b"one", b"two"])
    assert b"".join(answer.iter_content(2)) == b"one\ntwo"


def test_connection_is_used_again_and_after_a_failure_replaced(session: GuardedSession, receiver: Receiver) -> None:
    opened: list[str] = []
    lookups = session.get_adapter("http://x")._lookups
    lookups._lookup = lambda *asked: opened.append(asked[0]) or socket.getaddrinfo(*asked)
    receiver.answer("/large", body=b"x" * 65536, endless=True)

    for _ in range(3):
        assert session.get(receiver.url("/")).status_code == 200
    assert len(opened) == 1

    assert failure(session, receiver.url("/large")).kind is FailureKind.TOO_LARGE
    assert session.get(receiver.url("/")).content == b""
    assert len(opened) == 2


@pytest.mark.parametrize(("size", "is_read"), [(READ_LIMIT, True), (READ_LIMIT + 1, False)])
def test_answer_is_whole_or_refused(session: GuardedSession, receiver: Receiver, size: int, is_read: bool) -> None:
    receiver.answer("/", body=b"x" * size)

    if is_read:
        assert len(session.get(receiver.url("/")).content) == size
    else:
        assert failure(session, receiver.url("/")).message == f"The answer is larger than {READ_LIMIT} bytes."


def test_request_keeps_no_cookies(session: GuardedSession, receiver: Receiver) -> None:
    receiver.answer("/", headers={"Set-Cookie": "session=1; Path=/"})

    assert session.get(receiver.url("/")).cookies["session"] == "1"
    session.get(receiver.url("/"))

    assert "cookie" not in receiver.requests[1].headers


def test_timeout_of_a_request_replaces_the_sessions(session: GuardedSession, receiver: Receiver) -> None:
    receiver.answer("/", delay=3)

    failed = failure(session, receiver.url("/"), timeout=0.2)

    assert (failed.kind, failed.message) == (
        FailureKind.TIMEOUT,
        "No complete answer within 0.2 s (waiting for the answer).",
    )


@pytest.mark.parametrize("how", [{"verify": False}, {"proxies": {"http": "http://127.0.0.1:1"}}, {"timeout": (1, 2)}])
def test_request_raises_when_it_is_told_to_lower_the_guard(session: GuardedSession, how: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="always verified"):
        session.get("http://127.0.0.1:1/", **how)


def test_request_ignores_certificate_settings_of_the_environment(
    session: GuardedSession, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/does/not/exist")

    assert session.get(receiver.url("/")).status_code == 200


def test_request_fails_when_nobody_listens_or_the_connection_is_lost(
    session: GuardedSession, receiver: Receiver
) -> None:
    receiver.answer("/", reset=True)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    assert failure(session, receiver.url("/")).kind is FailureKind.CONNECT
    assert failure(session, f"http://127.0.0.1:{port}/").message.startswith(
        f"No connection to 127.0.0.1, port {port}: "
    )
    assert failure(session, "http://does-not-exist.invalid/").kind is FailureKind.DNS


def test_failure_tells_neither_url_nor_credentials(
    session: GuardedSession, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path, query, token = (secrets.token_hex(8) for _ in range(3))
    receiver.answer(f"/{path}", raw=b"nothing", times=1)
    receiver.answer(f"/{path}", raw=b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")

    failed = failure(session, receiver.url(f"/{path}?{query}"), headers={"Authorization": token})
    session.get(receiver.url(f"/{path}?{query}"))  # urllib3 warns of the header

    told = "".join(traceback.format_exception(failed)) + caplog.text
    assert [secret for secret in (path, query, token) if secret in told] == []
    assert (failed.request, failed.response, failed.__cause__) == (None, None, None)


def test_request_fails_when_a_later_urllib3_opens_connections_by_itself(
    session: GuardedSession, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        connections._Connection, "_new_conn", lambda self: socket.create_connection((self.host, self.port))
    )

    with pytest.raises(TypeError, match="without the egress guard"):
        session.get(receiver.url("/"))
    assert receiver.requests == []


@pytest.mark.django_db
def test_request_raises_when_a_transaction_is_open(session: GuardedSession, receiver: Receiver) -> None:
    """The transaction that wraps this test does not count."""
    assert session.get(receiver.url("/")).status_code == 200

    with transaction.atomic(), pytest.raises(RequestInTransactionError):
        session.get(receiver.url("/"))

    assert len(receiver.requests) == 1
    assert session.get(receiver.url("/")).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_request_raises_when_a_transaction_is_open_outside_a_test_case(
    session: GuardedSession, receiver: Receiver
) -> None:
    assert session.get(receiver.url("/")).status_code == 200

    with transaction.atomic(), transaction.atomic(), pytest.raises(RequestInTransactionError):
        session.get(receiver.url("/"))

    assert len(receiver.requests) == 1


# --- With `responses`, as the tests of providers use it ---


@responses.activate
def test_mocked_provider_answers_without_a_network(session: GuardedSession) -> None:
    responses.post("https://api.example.com/contacts", json={"id": "1"}, status=201)

    answer = session.post(
        "https://api.example.com/contacts", json={"name": "Ada"}, headers={"Authorization": "Bearer t"}
    )

    assert (answer.status_code, answer.json()) == (201, {"id": "1"})
    assert responses.calls[0].request.headers["Authorization"] == "Bearer t"
    assert responses.calls[0].request.body == b'{"name": "Ada"}'


@responses.activate
def test_mocked_provider_is_under_the_guard_too(session: GuardedSession) -> None:
    responses.get("https://api.example.com/from", status=302, headers={"Location": "https://api.example.com/to"})
    responses.get("https://api.example.com/large", body=b"x" * (READ_LIMIT + 1))
    responses.get("https://10.0.0.1/", body=b"inside")

    assert session.get("https://api.example.com/from").status_code == 302
    assert failure(session, "https://api.example.com/large").kind is FailureKind.TOO_LARGE
    assert failure(session, "https://10.0.0.1/").kind is FailureKind.REFUSED
    with pytest.raises(OutboundError, match="private or reserved"):
        session.send(requests.Request("GET", "https://10.0.0.1/").prepare())  # past the session's own preparation
    assert [call.request.path_url for call in responses.calls] == ["/from", "/large"]


@responses.activate
@pytest.mark.django_db
def test_mocked_provider_is_not_asked_within_a_transaction(session: GuardedSession) -> None:
    responses.get("https://api.example.com/")

    with transaction.atomic(), pytest.raises(RequestInTransactionError):
        session.get("https://api.example.com/")
    assert len(responses.calls) == 0


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (requests.ConnectionError("no"), FailureKind.CONNECT),
        (ConnectionResetError(104, "reset"), FailureKind.CONNECT),
        (requests.ConnectTimeout("no"), FailureKind.TIMEOUT),
        (requests.ReadTimeout("no"), FailureKind.TIMEOUT),
        (requests.exceptions.SSLError("no"), FailureKind.TLS),
        (requests.exceptions.ChunkedEncodingError("no"), FailureKind.PROTOCOL),
    ],
)
@responses.activate
def test_mocked_failure_becomes_one_of_ours(session: GuardedSession, raised: Exception, kind: FailureKind) -> None:
    responses.get("https://api.example.com/", body=raised)

    assert failure(session, "https://api.example.com/").kind is kind


def test_session_is_the_same_after_responses_has_gone(session: GuardedSession, receiver: Receiver) -> None:
    with responses.RequestsMock() as mocked:
        mocked.get(receiver.url("/"), body="mocked")
        assert session.get(receiver.url("/")).text == "mocked"

    assert session.get(receiver.url("/")).text == ""
    assert len(receiver.requests) == 1
