"""Requests, answers and callbacks in the shape of Vonage's SMS API, and statuses of its Messages API."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from integrations.providers.messaging import MessageState, Template, Verdict
from tests.integrations.providers.messaging_cases.case import (
    CALLBACK,
    HTML,
    ID,
    Callback,
    Problem,
    Reply,
    Request,
    Sending,
    status_of,
)

URL: Final = "https://rest.nexmo.com/sms/json"
HEADERS: Final = {
    "Authorization": "Basic YWJjZDEyMzQ6RXhhbXBsZVNlY3JldDE2Y2g=",
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
}
TO: Final = "447700900001"
REF: Final = {"client-ref": str(ID)}

REQUESTS: Final = [
    Request(
        name="text",
        sending=Sending(text="Grüße für {Ada} & 5 €"),
        url=URL,
        headers=HEADERS,
        form={
            "from": "447700900000",
            "to": TO,
            "text": "Grüße für {Ada} & 5 €",
            "type": "text",
            **REF,
            "callback": CALLBACK,
        },
    ),
    Request(
        name="other letters from a name without a receiver",
        sending=Sending(text="你好 👋", callback_url="", values={"from": "Acme Shop"}),
        url=URL,
        headers=HEADERS,
        form={"from": "Acme Shop", "to": TO, "text": "你好 👋", "type": "unicode", **REF},
    ),
]
PART_ID: Final = "0A0000000123ABCD1"
PART: Final = {
    "to": TO,
    "message-id": PART_ID,
    "status": "0",
    "remaining-balance": "3.14159265",
    "message-price": "0.03330000",
    "network": "12345",
    "client-ref": str(ID),
}


def parts(*found: Any) -> dict[str, Any]:
    return {"status": 200, "body": {"message-count": str(len(found)), "messages": list(found)}}


def failed(number: str, said: str = "Something") -> dict[str, str]:
    return {"status": number, "error-text": said}


def error(number: str, said: str = "Something") -> dict[str, Any]:
    return {**parts(failed(number, said)), "code": number, "says": said}


RETRY, REFUSED, UNKNOWN = Verdict.RETRY, Verdict.REFUSED, Verdict.UNKNOWN
ANSWERS: Final = [
    Reply(
        name="accepted",
        verdict=Verdict.SENT,
        **parts(PART),
        provider_message_id=PART_ID,
        cost=Decimal("0.0333"),
        currency="EUR",
    ),
    Reply(
        name="accepted in several parts",
        verdict=Verdict.SENT,
        **parts(PART, {**PART, "message-id": "0A0000000123ABCD2"}, {**PART, "message-id": "0A0000000123ABCD3"}),
        provider_message_id=PART_ID,
        cost=Decimal("0.0999"),
        currency="EUR",
    ),
    Reply(
        name="accepted without prices",
        verdict=Verdict.SENT,
        **parts(PART, {**PART, "message-price": "free"}),
        provider_message_id=PART_ID,
    ),
    Reply(
        name="half of it taken",
        verdict=UNKNOWN,
        **parts(PART, failed("1", "Throttled")),
        provider_message_id=PART_ID,
        code="1",
        says="Only 1 of 2 parts were taken. Throttled",
        cost=Decimal("0.0333"),
        currency="EUR",
    ),
    Reply(name="invalid number", verdict=REFUSED, **error("3", "Invalid value for param: to")),
    Reply(name="number barred", verdict=REFUSED, **error("7", "Number barred.")),
    Reply(name="sender not allowed", verdict=REFUSED, **error("15")),
    Reply(name="no credit", verdict=REFUSED, **error("9", "Quota Exceeded - rejected")),
    Reply(name="trial account", verdict=REFUSED, **error("29", "Non White-listed Destination - rejected")),
    Reply(name="unauthorised", verdict=REFUSED, **error("4", "Bad Credentials")),
    Reply(
        name="unauthorised by status",
        verdict=REFUSED,
        status=401,
        body={"error-code": "401", "error-code-label": "authentication failed"},
        code="401",
        says="authentication failed",
    ),
    Reply(name="missing permission", verdict=REFUSED, **error("11", "Account not enabled for HTTP")),
    Reply(name="rate limit", verdict=RETRY, **error("1", "Throttled")),
    Reply(
        name="rate limit with a time",
        verdict=RETRY,
        **error("1", "Throttled"),
        headers={"Retry-After": "2"},
        retry_after=2.0,
    ),
    Reply(
        name="rate limit by status",
        verdict=RETRY,
        status=429,
        body={"title": "Rate Limit Hit", "detail": "Please wait, then retry your request"},
        headers={"Retry-After": "5"},
        code="429",
        says="Please wait",
        retry_after=5.0,
    ),
    Reply(name="internal error", verdict=RETRY, **error("5", "Internal error")),
    Reply(name="too many binds", verdict=RETRY, **error("10")),
    Reply(
        name="throttled and refused parts",
        verdict=REFUSED,
        **parts(failed("1", "Throttled"), failed("9", "Quota Exceeded")),
        code="9",
        says="Quota Exceeded",
    ),
    Reply(name="outage", verdict=UNKNOWN, status=500, body={"error-code": "500"}, code="500"),
    Reply(name="nonsense", verdict=UNKNOWN, status=200, body=HTML, code="200", says="names no message"),
    Reply(name="no parts", verdict=UNKNOWN, **parts(), code="200"),
    Reply(name="part without an id", verdict=UNKNOWN, **parts({"status": "0"}), code="200"),
    Reply(name="part without a status", verdict=UNKNOWN, **parts(PART, {}), code="200"),
]
PROBLEMS: Final = [
    Problem(name="text too long", sending=Sending(text="x" * 3201), field="text", says="at most 3,200 characters"),
    Problem(name="number too short", sending=Sending(to="+123456"), field="to", says="7 to 15 digits"),
    Problem(
        name="template",
        sending=Sending(template=Template(name="hello", language="en")),
        field="template",
        says="sends no templates",
    ),
    Problem(name="no sender", sending=Sending(values={"from": None}), field="integration", says="enter from"),
]


def receipt(status: str, **more: str) -> dict[str, str]:
    fields = {"msisdn": TO, "to": "ACME", "messageId": PART_ID, "status": status, "err-code": "0", "price": "0.0333"}
    return {**fields, **REF, "timestamp": "1582650446", "nonce": "n", "sig": "s", **more}


UUID: Final = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


def status(state: str, **more: Any) -> dict[str, Any]:
    fields = {"message_uuid": UUID, "to": TO, "channel": "sms", "timestamp": "2026-03-10T12:00:00Z", "status": state}
    return {**fields, "client_ref": str(ID), "usage": {"currency": "EUR", "price": "0.0333"}, **more}


AT: Final = datetime(2020, 2, 25, 17, 7, 26, tzinfo=UTC)
NOON: Final = datetime(2026, 3, 10, 12, tzinfo=UTC)
USAGE: Final = {"cost": Decimal("0.0333"), "currency": "EUR"}
CALLBACKS: Final = [
    *(
        Callback(
            name=f"receipt {said}",
            form=receipt(said),
            updates=(status_of(state, at=AT, provider_message_id=PART_ID),),
        )
        for said, state in (
            ("accepted", MessageState.SENT),
            ("buffered", MessageState.SENT),
            ("unknown", MessageState.SENT),
            ("delivered", MessageState.DELIVERED),
        )
    ),
    *(
        Callback(
            name=f"receipt {said}",
            json=receipt(said, **{"err-code": code}),
            updates=(status_of(MessageState.FAILED, at=AT, provider_message_id=PART_ID, code=code, message=message),),
        )
        for said, code, message in (
            ("expired", "2", "The recipient cannot be reached for now."),
            ("failed", "9", "The number does not take messages: remove or correct it."),
            ("rejected", "77", "Vonage says rejected."),
        )
    ),
    Callback(
        name="receipt without our reference and without a time",
        form={"messageId": PART_ID, "status": "delivered"},
        updates=(status_of(MessageState.DELIVERED, message_id=None, provider_message_id=PART_ID),),
    ),
    Callback(name="receipt of an unknown state", form=receipt("dreaming")),
    Callback(name="inbound", form={"messageId": "0B", "msisdn": TO, "to": "1", "text": "Hello"}),
    *(
        Callback(
            name=f"Messages API {said}",
            json=status(said),
            updates=(status_of(state, at=NOON, provider_message_id=UUID, **USAGE),),
        )
        for said, state in (
            ("submitted", MessageState.SENT),
            ("delivered", MessageState.DELIVERED),
            ("read", MessageState.READ),
        )
    ),
    Callback(
        name="Messages API undeliverable",
        json=status("undeliverable", error={"title": "1050", "detail": "Unknown subscriber"}, timestamp="yesterday"),
        updates=(
            status_of(
                MessageState.FAILED, provider_message_id=UUID, code="1050", message="Unknown subscriber", **USAGE
            ),
        ),
    ),
]
