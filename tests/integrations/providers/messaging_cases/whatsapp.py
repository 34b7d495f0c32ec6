"""Requests, answers and callbacks in the shape of the Cloud API, version 23."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from integrations.providers.messaging import MessageState, Template, Verdict
from tests.integrations.providers.messaging_cases.case import (
    HTML,
    ID,
    Callback,
    Problem,
    Reply,
    Request,
    Sending,
    status_of,
)

URL: Final = "https://graph.facebook.com/v23.0/106540352242922/messages"
HEADERS: Final = {
    "Authorization": "Bearer EAATestAccessTokenForDocumentationOnly123456789",
    "Content-Type": "application/json",
}
WAMID: Final = "wamid.HBgLMTY1MDM4Nzk0MzkVAgARGBJCOTY3NDc0NDFDRUI3NTA0Q0UA"
COMPONENTS: Final = ({"type": "body", "parameters": [{"type": "text", "text": "Ada"}]},)
ENVELOPE: Final = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+447700900001",
    "biz_opaque_callback_data": str(ID),
}
CONTACTS: Final = [{"input": "+447700900001", "wa_id": "447700900001"}]
ACCEPTED: Final = {"messaging_product": "whatsapp", "contacts": CONTACTS, "messages": [{"id": WAMID}]}


def templated(**fields: Any) -> Sending:
    return Sending(template=Template(**{"name": "order_ready", "language": "en_US", **fields}))


REQUESTS: Final = [
    Request(
        name="text",
        sending=Sending(text="Grüße & 你好 👋"),
        url=URL,
        headers=HEADERS,
        json={**ENVELOPE, "type": "text", "text": {"body": "Grüße & 你好 👋", "preview_url": False}},
    ),
    Request(
        name="template with components as they were given",
        sending=templated(components=COMPONENTS),
        url=URL,
        headers=HEADERS,
        json={
            **ENVELOPE,
            "type": "template",
            "template": {"name": "order_ready", "language": {"code": "en_US"}, "components": list(COMPONENTS)},
        },
    ),
    Request(
        name="template without components by another version",
        sending=Sending(template=Template(name="hello", language="de"), values={"api_version": "v24.0"}),
        url=URL.replace("v23.0", "v24.0"),
        headers=HEADERS,
        json={**ENVELOPE, "type": "template", "template": {"name": "hello", "language": {"code": "de"}}},
    ),
]


def error(status: int, code: int, message: str = "Something", headers: Any = None, **more: Any) -> dict[str, Any]:
    body = {"error": {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1", **more}}
    return {"status": status, "body": body, "headers": headers or {}, "code": str(code), "says": message}


def usage(minutes: int) -> dict[str, str]:
    return {"X-Business-Use-Case-Usage": json.dumps({"1": [{"estimated_time_to_regain_access": minutes}]})}


RETRY, REFUSED, UNKNOWN = Verdict.RETRY, Verdict.REFUSED, Verdict.UNKNOWN
ANSWERS: Final = [
    Reply(name="accepted", verdict=Verdict.SENT, status=200, body=ACCEPTED, provider_message_id=WAMID),
    Reply(
        name="accepted and held for review",
        verdict=Verdict.SENT,
        status=200,
        body={**ACCEPTED, "messages": [{"id": WAMID, "message_status": "held_for_quality_assessment"}]},
        provider_message_id=WAMID,
    ),
    Reply(
        name="invalid number",
        verdict=REFUSED,
        **error(400, 131009, "(#131009) Parameter value is not valid", error_data={"details": "Wrong"}),
    ),
    Reply(name="not on WhatsApp", verdict=REFUSED, **error(400, 131026, "Message undeliverable")),
    Reply(
        name="window closed",
        verdict=REFUSED,
        **{
            **error(400, 131047, "Re-engagement message", error_data={"details": "More than 24 hours have passed"}),
            "says": "Re-engagement message More than 24 hours have passed",
        },
    ),
    Reply(name="opted out", verdict=REFUSED, **error(400, 131050)),
    Reply(name="template paused", verdict=REFUSED, **error(400, 132015)),
    Reply(name="spam limit", verdict=REFUSED, **error(400, 131048)),
    Reply(name="healthy ecosystem", verdict=REFUSED, **error(400, 131049)),
    Reply(name="unauthorised", verdict=REFUSED, **error(401, 190, "Session has expired", error_subcode=463)),
    Reply(name="unauthorised of old", verdict=REFUSED, **error(400, 190, "Invalid OAuth access token")),
    Reply(name="missing permission", verdict=REFUSED, **error(403, 10, "Application does not have permission")),
    Reply(name="payment problem", verdict=REFUSED, **error(400, 131042)),
    Reply(name="rate limit", verdict=RETRY, **error(429, 130429, "Rate limit hit")),
    Reply(name="rate limit of another status", verdict=RETRY, **error(400, 80007)),
    Reply(
        name="rate limit with a time",
        verdict=RETRY,
        retry_after=17.0,
        **error(429, 130429, headers={"Retry-After": "17"}),
    ),
    Reply(name="rate limit with an estimate", verdict=RETRY, retry_after=180.0, **error(429, 4, headers=usage(3))),
    Reply(name="rate limit of a pair", verdict=RETRY, retry_after=6.0, **error(429, 131056)),
    Reply(name="rate limit of an unknown code", verdict=RETRY, **error(429, 999999)),
    Reply(name="maintenance", verdict=RETRY, **error(500, 131057)),
    Reply(name="service away", verdict=RETRY, **error(503, 2)),
    Reply(name="something went wrong", verdict=UNKNOWN, **error(500, 131000, "Something went wrong")),
    Reply(name="something went wrong without a failure", verdict=RETRY, **error(400, 131000)),
    Reply(name="transient", verdict=RETRY, **error(400, 135000, is_transient=True)),
    Reply(name="outage", verdict=UNKNOWN, status=502, body=HTML, code="502"),
    Reply(name="error within a success", verdict=UNKNOWN, **error(200, 131000)),
    Reply(name="nonsense", verdict=UNKNOWN, status=200, body=HTML, code="200", says="names no message"),
    Reply(name="no message", verdict=UNKNOWN, status=200, body={**ACCEPTED, "messages": []}, code="200"),
]
PROBLEMS: Final = [
    Problem(name="text too long", sending=Sending(text="x" * 4097), field="text", says="at most 4,096 characters"),
    Problem(name="template name", sending=templated(name="Order Ready"), field="template", says="name: small letters"),
    Problem(name="template language", sending=templated(language="english"), field="template", says="language: a code"),
    Problem(name="component", sending=templated(components=("x",)), field="template", says="components: a list"),
    Problem(
        name="components too large",
        sending=templated(components=({"type": "x" * 70_000},)),
        field="template",
        says="at most 65,536 bytes",
    ),
]


def statuses(*found: Any, field: str = "messages") -> dict[str, Any]:
    value = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "1"}, "statuses": list(found)}
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "1", "changes": [{"field": field, "value": value}]}],
    }


def status(state: str, **more: Any) -> dict[str, Any]:
    ours = {"biz_opaque_callback_data": str(ID)}
    return {"id": WAMID, "status": state, "timestamp": "1730231903", "recipient_id": "447700900001", **ours, **more}


AT: Final = datetime(2024, 10, 29, 19, 58, 23, tzinfo=UTC)
FAILED: Final = {
    "code": 131047,
    "title": "Re-engagement message",
    "message": "Re-engagement message",
    "error_data": {"details": "More than 24 hours have passed"},
}
CALLBACKS: Final = [
    *(
        Callback(
            name=state,
            json=statuses(status(state)),
            updates=(status_of(MessageState(state), at=AT, provider_message_id=WAMID),),
        )
        for state in ("sent", "delivered", "read")
    ),
    Callback(
        name="failed",
        json=statuses(status("failed", errors=[FAILED])),
        updates=(
            status_of(
                MessageState.FAILED,
                at=AT,
                provider_message_id=WAMID,
                code="131047",
                message="Re-engagement message More than 24 hours have passed",
            ),
        ),
    ),
    Callback(
        name="several at once and one without our id",
        json=statuses(status("delivered"), {"id": "wamid.B", "status": "sent"}),
        updates=(
            status_of(MessageState.DELIVERED, at=AT, provider_message_id=WAMID),
            status_of(MessageState.SENT, message_id=None, provider_message_id="wamid.B"),
        ),
    ),
    Callback(
        name="somebody else's data in our place",
        json=statuses(status("sent", biz_opaque_callback_data="theirs", timestamp="soon")),
        updates=(status_of(MessageState.SENT, message_id=None, provider_message_id=WAMID),),
    ),
    Callback(name="an unknown state", json=statuses(status("deleted"))),
    Callback(name="another field", json=statuses(status("read"), field="account_update")),
    Callback(name="nonsense", json={"object": "x", "entry": [{"changes": [{"field": "messages", "value": [1]}]}]}),
]
