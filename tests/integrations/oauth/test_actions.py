"""Actions with tokens of OAuth2: renewed before and amid a run, and never at the cost of doing a thing twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from integrations.activity.actor import Actor
from integrations.errors import ProviderCallError
from integrations.models import Integration
from integrations.providers import registry
from integrations.providers.actions import Action, ActionCall
from integrations.providers.client import bearer
from integrations.services.provider_actions import run_integration_action
from tests.integrations.oauth import ledger as module
from tests.oauth_server import OAuthServer


class Books:
    """An API on loopback that takes one token, and counts what was written."""

    def __init__(self) -> None:
        self.url = ""
        self.accepted: set[str] = set()
        self.written = 0
        self.expires_after: int | None = None
        """After so many writings no token is taken but a new one."""

    def write(self, authorization: str) -> int:
        token = authorization.removeprefix("Bearer ")
        if self.expires_after is not None and self.written >= self.expires_after:
            self.accepted.clear()
            self.expires_after = None
            return 401
        if self.accepted and token not in self.accepted:
            return 401
        self.written += 1
        return 200


@pytest.fixture
def books() -> Iterator[Books]:
    running = Books()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.dumps({"id": running.written}).encode()
            self.send_response(running.write(self.headers["Authorization"]))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    running.url = f"http://127.0.0.1:{server.server_address[1]}/entries"
    yield running
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def _writing(books: Books, monkeypatch: pytest.MonkeyPatch, _ledger: None) -> None:
    """Let the ledger write two entries."""

    def write_two(call: ActionCall) -> dict[str, object]:
        headers = {"Authorization": bearer(call.values["access_token"])}
        for _ in range(2):
            call.client.post(books.url, headers=headers, json={})
        return {"written": 2}

    both = {"label": "Write", "summary": "Writes two entries.", "run": write_two, "answer": {"written": "How many."}}
    actions = (
        Action(name="write", **both),  # type: ignore[arg-type]
        Action(name="write_again", is_repeatable=True, **both),  # type: ignore[arg-type]
    )
    monkeypatch.setattr(module, "acting_ledger", replace(module.ledger, actions=actions), raising=False)
    monkeypatch.setitem(registry.PROVIDERS, "ledger", f"{module.__name__}.acting_ledger")


def run(integration: Integration, action: str) -> dict[str, object]:
    return run_integration_action(
        actor=Actor.system("test"),
        tenant=integration.tenant,
        integration=integration,
        action=action,
        parameters={},
    ).answer


def test_token_that_has_ended_is_renewed_before_anything_is_asked(
    connected: Callable[..., Integration], server: OAuthServer, books: Books
) -> None:
    assert run(connected(), "write") == {"written": 2}
    assert (books.written, len(server.refreshes())) == (2, 1)


def test_token_that_is_refused_at_first_is_renewed_and_the_action_done_once(
    connected: Callable[..., Integration], server: OAuthServer, books: Books
) -> None:
    books.expires_after = 0
    assert run(connected(ended=False), "write") == {"written": 2}
    assert (books.written, len(server.refreshes())) == (2, 1)


def test_token_that_ends_amid_an_action_is_no_reason_to_begin_it_anew(
    connected: Callable[..., Integration], server: OAuthServer, books: Books
) -> None:
    books.expires_after = 1
    with pytest.raises(ProviderCallError) as caught:
        run(connected(ended=False), "write")
    assert caught.value.result == "bad_credentials"
    assert (books.written, len(server.refreshes())) == (1, 0)


def test_repeatable_action_is_begun_anew(
    connected: Callable[..., Integration], server: OAuthServer, books: Books
) -> None:
    books.expires_after = 1
    assert run(connected(ended=False), "write_again") == {"written": 2}
    assert (books.written, len(server.refreshes())) == (3, 1)


def test_token_that_is_refused_twice_ends_it(
    connected: Callable[..., Integration], server: OAuthServer, books: Books
) -> None:
    books.accepted = {"nobody's"}
    with pytest.raises(ProviderCallError) as caught:
        run(connected(ended=False), "write")
    assert caught.value.result == "bad_credentials"
    assert (books.written, len(server.refreshes())) == (0, 1)
