"""Answers in the shape of Chatwoot 4.14, the secrets in them included."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.chatwoot.provisioning import record_name
from tests.integrations.providers.action_cases.case import ActionCase
from tests.integrations.providers.connection_cases.case import HTML, Reply

CLOUD: Final = {"base_url": "https://app.chatwoot.com"}
ACCOUNT: Final = "https://app.chatwoot.com/api/v1/accounts/12345"
OWN: Final = "https://chatwoot.example.com/api/v1/accounts/12345"
INBOX: Final = {
    "id": 5,
    "name": "Support",
    "channel_type": "Channel::Api",
    "webhook_url": "https://hooks.example.com/inbox",
    "inbox_identifier": "abc",
    "hmac_token": "inbox-hmac-token",
}
BOT: Final = {
    "id": 8,
    "name": "Support",
    "description": "",
    "outgoing_url": "https://hooks.example.com/bot",
    "bot_type": "webhook",
    "bot_config": {},
    "account_id": 12345,
    "access_token": "bot-access-token",
    "system_bot": False,
}
MESSAGE: Final = {"id": 77, "content": "Hello", "message_type": 1, "private": False, "status": "sent"}
NOT_FOUND: Final = {"error": "Resource could not be found"}
NOT_AUTHORIZED: Final = {"error": "You are not authorized to do this action"}
KEY: Final = "https://app.chatwoot.com/accounts/12345"


def failures(action: str, parameters: dict[str, object], method: str, path: str, **more: Any) -> list[ActionCase]:
    """Return what every action must stand, at its first request."""

    def case(name: str, result: str, status: int, body: Any, headers: Any = None, **expected: Any) -> ActionCase:
        reply = Reply(method, f"{ACCOUNT}{path}", status, body, headers or {})
        return ActionCase(
            action=action,
            name=name,
            result=result,
            parameters=parameters,
            values=CLOUD,
            replies=(reply,),
            **{**more, **expected},
        )

    return [
        case(
            "wrong credentials", "bad_credentials", 401, {"error": "Invalid Access Token"}, says="Invalid Access Token"
        ),
        case("missing permission", "missing_permission", 401, NOT_AUTHORIZED, says="may not do this"),
        case("forbidden", "missing_permission", 403, {"error": "Access Denied"}),
        case("rate limit", "rate_limited", 429, "Retry later\n", {"Retry-After": "30"}, retry_after=30.0),
        case("rate limit without a time", "rate_limited", 429, "Retry later\n", says="Retry later"),
        case("outage", "provider_down", 502, HTML, {"Content-Type": "text/html"}),
        case("nonsense", "wrong_host", 401, HTML, says="web page"),
        case("half-closed body", "network", 200, INBOX, {"Content-Length": "5000"}),
    ]


def success(action: str, parameters: dict[str, object], *replies: Reply, **expected: Any) -> ActionCase:
    given = {"name": "success", "values": CLOUD, **expected}
    return ActionCase(action=action, result="ok", parameters=parameters, replies=replies, **given)


def refused(action: str, name: str, parameters: dict[str, object], *replies: Reply, **expected: Any) -> ActionCase:
    return ActionCase(
        action=action, name=name, result="refused", parameters=parameters, values=CLOUD, replies=replies, **expected
    )


def at(method: str, path: str, status: int = 200, body: Any = "", base: str = ACCOUNT) -> Reply:
    return Reply(method, f"{base}{path}", status, body)


NEW_INBOX: Final[dict[str, object]] = {"name": "Support", "webhook_url": "https://hooks.example.com/inbox"}
NEW_BOT: Final[dict[str, object]] = {"name": "Support", "outgoing_url": "https://hooks.example.com/bot"}
PROVISION: Final[dict[str, object]] = {**NEW_INBOX, "outgoing_url": "https://hooks.example.com/bot"}
ASSIGN: Final[dict[str, object]] = {"inbox_id": 5, "agent_bot_id": "8"}
SEND: Final[dict[str, object]] = {"conversation_id": 42, "content": "Hello"}
OPEN: Final[dict[str, object]] = {"contact_id": 3, "inbox_id": 5, "content": "Hello", "private": True}
REMOVE: Final[dict[str, object]] = {"name": "Support"}

CASES: Final = [
    success(
        "create_inbox",
        NEW_INBOX,
        at("POST", "/inboxes", 200, INBOX),
        answer={"inbox_id": 5},
        sent=({"name": "Support", "channel": {"type": "api", "webhook_url": "https://hooks.example.com/inbox"}},),
    ),
    success(
        "create_inbox",
        {"name": "Support"},
        at("POST", "/inboxes", 401, {"error": "Invalid Access Token"}, OWN),
        at("POST", "/inboxes", 200, INBOX, OWN),
        name="success behind a proxy that drops underscores",
        values={},
        answer={"inbox_id": 5},
        sent=({"name": "Support", "channel": {"type": "api"}},) * 2,
    ),
    *failures("create_inbox", NEW_INBOX, "POST", "/inboxes"),
    refused(
        "create_inbox",
        "refused name",
        NEW_INBOX,
        at("POST", "/inboxes", 422, {"message": "Name is too long", "attributes": ["name"]}),
        says="Chatwoot says: Name is too long.",
        parameter="name",
    ),
    ActionCase(
        action="create_inbox",
        name="account that is not there",
        result="wrong_host",
        parameters=NEW_INBOX,
        values=CLOUD,
        replies=(at("POST", "/inboxes", 404, NOT_FOUND),),
        says="check the account ID",
    ),
    ActionCase(
        action="create_inbox",
        name="answer without an id",
        result="wrong_host",
        parameters=NEW_INBOX,
        values=CLOUD,
        replies=(at("POST", "/inboxes", 200, {"name": "Support"}),),
        says="it names no id",
    ),
    success(
        "create_agent_bot",
        NEW_BOT,
        at("POST", "/agent_bots", 200, BOT),
        answer={"agent_bot_id": 8},
        sent=({**NEW_BOT, "description": "", "bot_type": 0, "bot_config": {}},),
    ),
    *failures("create_agent_bot", NEW_BOT, "POST", "/agent_bots"),
    success(
        "assign_agent_bot",
        ASSIGN,
        at("POST", "/inboxes/5/set_agent_bot", 204),
        answer={"inbox_id": 5, "agent_bot_id": 8},
        sent=({"agent_bot": 8},),
    ),
    *failures("assign_agent_bot", ASSIGN, "POST", "/inboxes/5/set_agent_bot"),
    refused(
        "assign_agent_bot",
        "unknown inbox",
        ASSIGN,
        at("POST", "/inboxes/5/set_agent_bot", 404, NOT_FOUND),
        says="does not find it in account 12345",
        parameter="inbox_id",
    ),
    success(
        "send_message",
        SEND,
        at("POST", "/conversations/42/messages", 200, MESSAGE),
        answer={"message_id": 77, "status": "sent", "conversation_id": 42},
        sent=({"content": "Hello", "message_type": "outgoing", "private": False},),
    ),
    success(
        "send_message",
        OPEN,
        at("POST", "/contacts/3/contact_inboxes", 200, {"source_id": "src-1"}),
        at("POST", "/conversations", 200, {"id": 43, "inbox_id": 5}),
        at("POST", "/conversations/43/messages", 200, MESSAGE),
        name="success in a new conversation",
        answer={"message_id": 77, "status": "sent", "conversation_id": 43},
        sent=(
            {"inbox_id": 5},
            {"source_id": "src-1", "inbox_id": 5, "contact_id": 3},
            {"content": "Hello", "message_type": "outgoing", "private": True},
        ),
    ),
    ActionCase(
        action="send_message",
        name="conversation that stays empty",
        result="provider_down",
        parameters={**OPEN, "source_id": "src-1"},
        values=CLOUD,
        replies=(
            at("POST", "/conversations", 200, {"id": 43, "inbox_id": 5}),
            at("POST", "/conversations/43/messages", 500, {"error": "oops"}),
        ),
        says="Conversation 43 was opened, but the message is not in it.",
    ),
    *failures("send_message", SEND, "POST", "/conversations/42/messages"),
    refused(
        "send_message",
        "unknown conversation",
        SEND,
        at("POST", "/conversations/42/messages", 404, NOT_FOUND),
        parameter="conversation_id",
    ),
    success(
        "provision",
        PROVISION,
        at("GET", "/inboxes", 200, {"payload": [{**INBOX, "id": 4}]}),
        at("POST", "/inboxes", 200, INBOX),
        at("GET", "/agent_bots", 200, []),
        at("POST", "/agent_bots", 200, BOT),
        at("GET", "/inboxes/5/agent_bot", 200, {"agent_bot": {}}),
        at("POST", "/inboxes/5/set_agent_bot", 200, {}),
        answer={
            "account_id": 12345,
            "inbox_id": 5,
            "agent_bot_id": 8,
            "made": ["inbox", "agent_bot", "assignment"],
        },
    ),
    *failures("provision", PROVISION, "GET", "/inboxes"),
    success(
        "deprovision",
        REMOVE,
        at("POST", "/inboxes/5/set_agent_bot", 200, {}),
        at("DELETE", "/agent_bots/8", 404, NOT_FOUND),
        at("DELETE", "/inboxes/5", 200, {"message": "Your inbox deletion request will be processed in some time."}),
        state={record_name(KEY, "Support"): {"inbox_id": 5, "agent_bot_id": 8}},
        answer={"account_id": 12345, "inbox_id": 5, "agent_bot_id": 8, "removed": ["assignment", "inbox"]},
        sent=({"agent_bot": None},),
    ),
    success(
        "deprovision",
        REMOVE,
        name="success with nothing to remove",
        answer={"account_id": 12345, "inbox_id": None, "agent_bot_id": None, "removed": []},
    ),
    *failures(
        "deprovision",
        REMOVE,
        "POST",
        "/inboxes/5/set_agent_bot",
        state={record_name(KEY, "Support"): {"inbox_id": 5, "agent_bot_id": 8}},
    ),
]
