from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from webhooks.management.commands.demo_receiver import Command, DemoServer


@pytest.fixture
def output() -> StringIO:
    return StringIO()


@pytest.fixture
def port(output: StringIO) -> Iterator[int]:
    with DemoServer(0, Command(stdout=output)) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def post(port: int, body: bytes | str, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    client.request("POST", "/hook", body, headers or {})
    answer = client.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        client.close()


def test_answers_what_it_received_without_credentials_and_prints_a_line(port: int, output: StringIO) -> None:
    status, answer = post(port, '{"a":1}', {"webhook-id": "m1", "Authorization": "Bearer token"})

    assert status == 200
    assert answer == (
        b'{"received": true, "method": "POST", "path": "/hook", "headers": {"webhook-id": "m1"}, "body": {"a": 1}}'
    )
    assert output.getvalue().endswith("POST /hook 200\n")
    assert "token" not in output.getvalue()


def test_answers_a_body_that_is_no_json(port: int) -> None:
    assert b'"body": "plain"' in post(port, "plain")[1]


def test_refuses_a_body_that_is_too_large(port: int) -> None:
    assert post(port, b"", {"Content-Length": "2000000"})[0] == 413


def test_says_so_when_the_port_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(CommandError, match="Cannot listen"):
            call_command("demo_receiver", port=taken.getsockname()[1])
