"""A little Chatwoot on loopback for tests: inboxes, agent bots, assignments, conversations of one account.

It answers as the server does (4.14), the secrets in its answers included, and counts what is made.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

TOKEN = "ExampleChatwootTokenForDocs1"
ACCOUNT = 12345
BOT_SECRET = "bot-access-token-0123456789"
INBOX_SECRET = "inbox-hmac-token-0123456789"
Reply = tuple[int, Any]
_NOT_FOUND: Reply = (404, {"error": "Resource could not be found"})


@dataclass
class State:
    """What is in the account. `made` counts what was ever made, deleted or not."""

    inboxes: dict[int, dict[str, Any]] = field(default_factory=dict)
    bots: dict[int, dict[str, Any]] = field(default_factory=dict)
    assigned: dict[int, int] = field(default_factory=dict)
    conversations: dict[int, dict[str, Any]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    made: dict[str, int] = field(default_factory=lambda: {"inboxes": 0, "bots": 0, "assignments": 0})
    last_id: int = 0

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id


class ChatwootServer:
    """Usage: `with ChatwootServer() as chatwoot:`.

    `lose_answer_of` closes the connection instead of answering the request of that number, which is done all the same;
    `before` is called with each request, before anything is done.
    """

    def __init__(self) -> None:
        self.state = State()
        self.requests: list[str] = []
        self.tokens = {TOKEN}
        self.role = "administrator"
        self.lose_answer_of: int | None = None
        self.before: Callable[[str], None] = lambda request: None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="chatwoot", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def values(self) -> dict[str, str]:
        """What an integration with this account holds."""
        return {"base_url": self.url, "account_id": str(ACCOUNT), "api_access_token": TOKEN}

    def forget_requests(self) -> None:
        self.requests.clear()
        self.lose_answer_of = None

    def whole(self) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """Return the names of the inboxes, of the bots, and of inbox and bot of each assignment."""
        inboxes, bots = self.state.inboxes, self.state.bots
        pairs = [(inboxes[inbox]["name"], bots[bot]["name"]) for inbox, bot in sorted(self.state.assigned.items())]
        return [row["name"] for row in inboxes.values()], [row["name"] for row in bots.values()], pairs

    # --- Answers ---------------------------------------------------------------------------------------------------

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[Reply, bool]:
        """Do what is asked, and return the answer, and whether it gets lost."""
        self.before(f"{method} {path}")
        with self._lock:
            self.requests.append(f"{method} {path}")
            is_lost = len(self.requests) == self.lose_answer_of
            if token not in self.tokens:
                return (401, {"error": "Invalid Access Token"}), is_lost
            return self._reply(method, path, body), is_lost

    def _reply(self, method: str, path: str, body: dict[str, Any]) -> Reply:
        if path == "/api/v1/profile":
            account = {"id": ACCOUNT, "name": "Acme", "status": "active", "role": self.role}
            return 200, {
                "id": 1,
                "name": "Ada",
                "email": "ada@example.com",
                "access_token": TOKEN,
                "accounts": [account],
            }
        prefix = f"/api/v1/accounts/{ACCOUNT}"
        if not path.startswith(f"{prefix}/"):
            return _NOT_FOUND
        if self.role != "administrator" and method != "GET":
            return 401, {"error": "You are not authorized to do this action"}
        for pattern, do in _ROUTES:
            if found := re.fullmatch(pattern, f"{method} {path.removeprefix(prefix)}"):
                return do(self.state, body, *(int(number) for number in found.groups()))
        return _NOT_FOUND


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, chatwoot: ChatwootServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.chatwoot = chatwoot


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def _serve(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("api_access_token") or self.headers.get("api-access-token") or ""
        (status, answer), is_lost = self.server.chatwoot.answer(
            self.command, self.path, token, json.loads(raw) if raw else {}
        )
        if is_lost:
            self.close_connection = True
            return
        encoded = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    do_GET = do_POST = do_PATCH = do_DELETE = _serve


# --- What is done ---------------------------------------------------------------------------------------------------


def _listed(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


def _create_inbox(state: State, body: dict[str, Any]) -> Reply:
    number = state.next_id()
    state.made["inboxes"] += 1
    state.inboxes[number] = {
        "id": number,
        "name": body["name"],
        "channel_type": "Channel::Api",
        "webhook_url": body["channel"].get("webhook_url"),
        "inbox_identifier": f"identifier-{number}",
        "hmac_token": INBOX_SECRET,
    }
    return 200, state.inboxes[number]


def _create_bot(state: State, body: dict[str, Any]) -> Reply:
    number = state.next_id()
    state.made["bots"] += 1
    named = {name: body[name] for name in ("name", "description", "outgoing_url")}
    state.bots[number] = {"id": number, **named, "bot_type": "webhook", "access_token": BOT_SECRET}
    return 200, state.bots[number]


def _inbox(state: State, body: dict[str, Any], inbox: int) -> Reply:
    return (200, state.inboxes[inbox]) if inbox in state.inboxes else _NOT_FOUND


def _bot(state: State, body: dict[str, Any], bot: int) -> Reply:
    return (200, state.bots[bot]) if bot in state.bots else _NOT_FOUND


def _change_inbox(state: State, body: dict[str, Any], inbox: int) -> Reply:
    if inbox in state.inboxes:
        state.inboxes[inbox] |= body["channel"]
    return _inbox(state, body, inbox)


def _change_bot(state: State, body: dict[str, Any], bot: int) -> Reply:
    if bot in state.bots:
        state.bots[bot] |= body
    return _bot(state, body, bot)


def _delete_inbox(state: State, body: dict[str, Any], inbox: int) -> Reply:
    state.assigned.pop(inbox, None)
    gone = state.inboxes.pop(inbox, None)
    return (200, {"message": "Your inbox deletion request will be processed in some time."}) if gone else _NOT_FOUND


def _delete_bot(state: State, body: dict[str, Any], bot: int) -> Reply:
    state.assigned = {inbox: assigned for inbox, assigned in state.assigned.items() if assigned != bot}
    return (200, {}) if state.bots.pop(bot, None) else _NOT_FOUND


def _set_bot(state: State, body: dict[str, Any], inbox: int) -> Reply:
    if inbox not in state.inboxes or (body["agent_bot"] is not None and body["agent_bot"] not in state.bots):
        return _NOT_FOUND
    if body["agent_bot"] is None:
        state.assigned.pop(inbox, None)
    else:
        state.made["assignments"] += 1
        state.assigned[inbox] = body["agent_bot"]
    return 200, {}


def _assigned(state: State, body: dict[str, Any], inbox: int) -> Reply:
    if inbox not in state.inboxes:
        return _NOT_FOUND
    return 200, {"agent_bot": state.bots[state.assigned[inbox]] if inbox in state.assigned else {}}


def _conversation(state: State, body: dict[str, Any], conversation: int) -> Reply:
    return (200, state.conversations[conversation]) if conversation in state.conversations else _NOT_FOUND


def _open(state: State, body: dict[str, Any]) -> Reply:
    if not body["source_id"] or body["inbox_id"] not in state.inboxes:
        return _NOT_FOUND
    number = state.next_id()
    state.conversations[number] = {"id": number, "inbox_id": body["inbox_id"], "contact_id": body["contact_id"]}
    return 200, state.conversations[number]


def _send(state: State, body: dict[str, Any], conversation: int) -> Reply:
    if conversation not in state.conversations:
        return _NOT_FOUND
    if not body["content"].strip():
        return 422, {"message": "Content can't be blank", "attributes": ["content"]}
    sent = {"id": state.next_id(), "conversation_id": conversation, **body, "message_type": 1, "status": "sent"}
    state.messages.append(sent)
    return 200, sent


_ROUTES: list[tuple[str, Callable[..., Reply]]] = [
    (r"GET /inboxes", lambda state, body: (200, {"payload": _listed(state.inboxes.values())})),
    (r"POST /inboxes", _create_inbox),
    (r"GET /inboxes/(\d+)", _inbox),
    (r"PATCH /inboxes/(\d+)", _change_inbox),
    (r"DELETE /inboxes/(\d+)", _delete_inbox),
    (r"GET /inboxes/(\d+)/agent_bot", _assigned),
    (r"POST /inboxes/(\d+)/set_agent_bot", _set_bot),
    (r"GET /agent_bots", lambda state, body: (200, _listed(state.bots.values()))),
    (r"POST /agent_bots", _create_bot),
    (r"GET /agent_bots/(\d+)", _bot),
    (r"PATCH /agent_bots/(\d+)", _change_bot),
    (r"DELETE /agent_bots/(\d+)", _delete_bot),
    (r"POST /contacts/(\d+)/contact_inboxes", lambda state, body, contact: (200, {"source_id": f"source-{contact}"})),
    (r"GET /conversations/(\d+)", _conversation),
    (r"POST /conversations", _open),
    (r"POST /conversations/(\d+)/messages", _send),
]
