"""What becomes of every kind of answer, and of none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
import responses
from django.db import transaction

from integrations.egress.errors import RequestInTransactionError
from integrations.providers.answers import seconds_to_wait
from integrations.providers.client import ProviderClient, basic
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values
from tests.integrations.providers.tiny import tiny
from tests.receiver import Receiver

URL = "https://api.example.com/me"
SECRET = "tiny-token/with+signs=42"


@pytest.fixture
def client() -> Iterator[ProviderClient]:
    with ProviderClient(tiny, Values(tiny, {"auth_token": SECRET, "region": "eu"})) as opened:
        yield opened


def failure(client: ProviderClient, url: str = URL, **how: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        client.get(url, **how)
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "headers", "result", "message"),
    [
        (401, {"message": "Nope"}, {}, Result.BAD_CREDENTIALS, "Tiny does not accept the credentials (401 Unauthorized): Nope."),
        (403, {"error": {"message": "Scope"}}, {}, Result.MISSING_PERMISSION, "Tiny refuses the request: the credentials lack a permission (403 Forbidden): Scope."),
        (404, {"errors": [{"detail": "Gone"}]}, {}, Result.WRONG_HOST, "Tiny does not know what was asked for (404 Not Found): Gone."),
        (429, "slow down", {"Retry-After": "7"}, Result.RATE_LIMITED, "Tiny wants fewer requests (429 Too Many Requests): slow down."),
        (429, "", {}, Result.RATE_LIMITED, "Tiny wants fewer requests (429 Too Many Requests)."),
        (500, {"title": "Oops."}, {}, Result.PROVIDER_DOWN, "Tiny has a problem of its own (500 Internal Server Error): Oops."),
        (503, "", {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, Result.PROVIDER_DOWN, "Tiny has a problem of its own (503 Service Unavailable)."),
        (599, "", {}, Result.PROVIDER_DOWN, "Tiny has a problem of its own (599)."),
        (301, "", {"Location": "https://elsewhere.example.com"}, Result.WRONG_HOST, "Tiny answered 301, a redirection, which is not followed: enter the address it leads to."),
    ],
)  # fmt: skip
@responses.activate
def test_status_decides_where_the_provider_says_no_more(
    client: ProviderClient, status: int, body: Any, headers: Any, result: Result, message: str
) -> None:
    how = {"body": body, "content_type": "text/plain"} if isinstance(body, str) else {"json": body}
    responses.get(URL, status=status, headers=headers, **how)

    error = failure(client)

    assert (error.result, error.message, error.status) == (result, message, status)
    assert error.retry_after == {"7": 7.0, "Wed, 21 Oct 2015 07:28:00 GMT": 0.0}.get(headers.get("Retry-After"))


@responses.activate
def test_html_is_no_api_whatever_its_status(client: ProviderClient) -> None:
    for status in (200, 401, 403, 404):
        responses.get(URL, status=status, body="<html>Log in</html>", content_type="text/html")
        with pytest.raises(ProviderError) as caught:
            client.get(URL).json()
        assert caught.value.result is Result.WRONG_HOST
        assert caught.value.message.startswith("Tiny answered a web page instead of JSON")


@responses.activate
def test_explanation_of_the_adapter_comes_before_the_status_and_reads_successes_too(client: ProviderClient) -> None:
    def explain(answer: Any) -> ProviderError | None:
        if answer.json_object().get("ok"):
            return None
        return ProviderError(Result.MISSING_PERMISSION, f"No scope for {SECRET}.", 3, code="missing_scope")

    responses.get(URL, json={"ok": True})
    assert client.get(URL, explain=explain).json() == {"ok": True}
    responses.replace("GET", URL, json={"ok": False})

    error = failure(client, explain=explain)

    assert (error.result, error.message, error.code) == (
        Result.MISSING_PERMISSION,
        "No scope for ***.",
        "missing_scope",
    )
    assert error.retry_after == 3


@responses.activate
def test_errors_hold_neither_secrets_nor_what_was_made_of_them(client: ProviderClient) -> None:
    sent = basic("ada", SECRET)
    for said in (SECRET, sent, sent.removeprefix("Basic "), f"id={SECRET}", "tiny-token%2Fwith%2Bsigns%3D42"):
        responses.get(URL, status=400, json={"message": f"Cannot read {said} here"})
        error = failure(client, headers={"Authorization": sent})
        assert "tiny-token" not in error.message
        assert sent.removeprefix("Basic ") not in error.message
        assert "Cannot read" in error.message
        responses.reset()


@responses.activate
def test_message_is_cut_to_500_characters(client: ProviderClient) -> None:
    responses.get(URL, status=400, json={"message": "x" * 5000})
    assert len(failure(client).message) <= 500


def test_no_connection_a_private_address_and_no_time_have_their_own_results(
    client: ProviderClient, settings: Any
) -> None:
    settings.OUTBOUND_ALLOWED_NETWORKS = []
    assert failure(client, "https://10.0.0.1/x").result is Result.BLOCKED
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = failure(client, f"http://127.0.0.1:{port}/secret-path?key={SECRET}")
    assert error.result is Result.NETWORK
    assert "secret-path" not in error.message
    with ProviderClient(tiny, Values(tiny, {}), deadline=0.0) as late:
        assert failure(late).message == "Tiny took too long to answer."


Serve = Callable[[socket.socket], None]


@pytest.fixture
def raw_server() -> Iterator[Callable[[Serve], str]]:
    """Start a server that does with one connection what it is told; return its address."""
    with ExitStack() as stack:

        def start(serve: Serve) -> str:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))

            def run() -> None:
                with suppress(OSError):
                    connection, _ = listening.accept()
                    with connection:
                        connection.recv(65536)
                        serve(connection)

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            stack.callback(thread.join, 5)
            return f"http://127.0.0.1:{listening.getsockname()[1]}/"

        yield start


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a"',
        b"",
        b"\x00\x01\x02 nonsense\r\n\r\n",
    ],
)
def test_answer_that_ends_halfway_is_the_networks_fault(
    client: ProviderClient, raw_server: Callable[[Serve], str], answer: bytes
) -> None:
    assert failure(client, raw_server(lambda connection: connection.sendall(answer))).result is Result.NETWORK


def test_certificate_that_nobody_vouches_for_is_a_tls_error(client: ProviderClient, receiver: Receiver) -> None:
    url = receiver.url("/").replace("http://", "https://")
    assert failure(client, url).result is Result.TLS


@responses.activate
@pytest.mark.django_db(transaction=True)
def test_request_inside_a_transaction_is_a_mistake_of_the_code(client: ProviderClient, receiver: Receiver) -> None:
    responses.add_passthru(receiver.url("/"))
    with transaction.atomic(), pytest.raises(RequestInTransactionError):
        client.get(receiver.url("/"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0), ("0.5", 0.5), (" 12 ", 12.0), ("-3", 0.0), ("999999999", 86400.0), ("inf", 86400.0), ("nan", None),
        ("Mon, 30 Nov 2026 12:00:30 GMT", 30.0), ("Mon, 30 Nov 2026 11:00:00 GMT", 0.0), ("soon", None), ("", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert seconds_to_wait(value, now=datetime(2026, 11, 30, 12, tzinfo=UTC)) == seconds
