"""Requests, answers and callbacks in the shape of Twilio's API of 2010-04-01."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from integrations.providers.messaging import MessageState, Template, Verdict
from tests.integrations.providers.messaging_cases.case import (
    CALLBACK,
    HTML,
    ID,
    TO,
    Callback,
    Problem,
    Reply,
    Request,
    Sending,
    status_of,
)

URL: Final = "https://api.twilio.com/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json"
SERVICE: Final = "MG0123456789abcdef0123456789abcdef"
SID: Final = "SMfedcba9876543210fedcba9876543210"
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
BY_KEY: Final = {
    **FORM,
    "Authorization": "Basic U0swMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjpFeGFtcGxlQXBpS2V5U2VjcmV0Rm9yRG9jdW1lbnRhdGlvbg==",
}
BY_TOKEN: Final = {
    **FORM,
    "Authorization": "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjowMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg==",
}
NO_KEY: Final = {"api_key_sid": None, "api_key_secret": None}
STATUS: Final = {"StatusCallback": f"{CALLBACK}?message={ID}"}
BODY: Final = "Your code is 123456."

REQUESTS: Final = [
    Request(
        name="from a number",
        sending=Sending(text="Grüße & = 你好", values={**NO_KEY, "messaging_service_sid": None}),
        url=URL,
        headers=BY_TOKEN,
        form={"To": TO, "Body": "Grüße & = 你好", "From": "+15005550006", **STATUS},
    ),
    Request(
        name="by a messaging service and an API key",
        url=URL,
        headers=BY_KEY,
        form={"To": TO, "Body": BODY, "MessagingServiceSid": SERVICE, **STATUS},
    ),
    Request(
        name="without a receiver",
        sending=Sending(callback_url="", values=NO_KEY),
        url=URL,
        headers=BY_TOKEN,
        form={"To": TO, "Body": BODY, "MessagingServiceSid": SERVICE},
    ),
    Request(
        name="to an address with a query",
        sending=Sending(callback_url=f"{CALLBACK}?a=1"),
        url=URL,
        headers=BY_KEY,
        form={"To": TO, "Body": BODY, "MessagingServiceSid": SERVICE, "StatusCallback": f"{CALLBACK}?a=1&message={ID}"},
    ),
]
CREATED: Final = {
    "sid": SID,
    "status": "queued",
    "num_segments": "1",
    "error_code": None,
    "error_message": None,
    "price": None,
    "price_unit": "USD",
    "uri": f"/2010-04-01/Accounts/AC/Messages/{SID}.json",
}


def error(status: int, code: int, message: str = "Something", headers: Any = None) -> dict[str, Any]:
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return {"status": status, "body": body, "headers": headers or {}, "code": str(code), "says": message}


RETRY, REFUSED, UNKNOWN = Verdict.RETRY, Verdict.REFUSED, Verdict.UNKNOWN
ANSWERS: Final = [
    Reply(name="accepted", verdict=Verdict.SENT, status=201, body=CREATED, provider_message_id=SID),
    Reply(
        name="accepted and billed",
        verdict=Verdict.SENT,
        status=201,
        body={**CREATED, "status": "accepted", "price": "-0.00750"},
        provider_message_id=SID,
        cost=Decimal("0.00750"),
        currency="USD",
    ),
    Reply(
        name="made and failed at once",
        verdict=REFUSED,
        status=201,
        body={**CREATED, "status": "failed", "error_code": 30034, "error_message": None},
        code="30034",
        says="not registered",
    ),
    Reply(name="invalid number", verdict=REFUSED, **error(400, 21211, "The 'To' number is not a valid phone number.")),
    Reply(name="opted out", verdict=REFUSED, **error(400, 21610, "Attempt to send to unsubscribed recipient")),
    Reply(name="sender is not ours", verdict=REFUSED, **error(400, 21606)),
    Reply(name="trial account", verdict=REFUSED, **error(400, 21608)),
    Reply(name="unauthorised", verdict=REFUSED, **error(401, 20003, "Authenticate")),
    Reply(name="missing permission", verdict=REFUSED, **error(403, 20403, "Account is suspended")),
    Reply(name="unknown account", verdict=REFUSED, **error(404, 20404)),
    Reply(
        name="problem details",
        verdict=REFUSED,
        status=400,
        body={"type": "about:blank", "title": "Invalid", "status": 400, "code": 21211, "detail": "Not a number"},
        code="21211",
        says="Not a number",
    ),
    Reply(name="rate limit", verdict=RETRY, **error(429, 20429, "Too Many Requests")),
    Reply(
        name="rate limit with a time",
        verdict=RETRY,
        retry_after=30.0,
        **error(429, 20429, headers={"Retry-After": "30"}),
    ),
    Reply(name="rate limit without words", verdict=RETRY, status=429, code="429", says="wants fewer requests"),
    Reply(name="queue of the sender is full", verdict=RETRY, **error(400, 21611)),
    Reply(name="maintenance", verdict=RETRY, **error(503, 21730)),
    Reply(name="outage", verdict=UNKNOWN, **error(503, 20503, "Service unavailable")),
    Reply(name="failure of theirs", verdict=UNKNOWN, **error(500, 20500, "Internal server error")),
    Reply(name="gateway", verdict=UNKNOWN, status=504, body=HTML, code="504"),
    Reply(name="nonsense", verdict=UNKNOWN, status=200, body=HTML, code="200", says="names no message"),
    Reply(name="no sid", verdict=UNKNOWN, status=201, body={**CREATED, "sid": "CA1"}, code="201"),
]
PROBLEMS: Final = [
    Problem(name="text too long", sending=Sending(text="x" * 1601), field="text", says="at most 1,600 characters"),
    Problem(
        name="template",
        sending=Sending(template=Template(name="hello", language="en")),
        field="template",
        says="sends no templates",
    ),
    Problem(
        name="no sender",
        sending=Sending(values={"phone_number": None, "messaging_service_sid": None}),
        field="integration",
        says="phone_number or messaging_service_sid",
    ),
]


def status(state: str, **more: str) -> dict[str, str]:
    return {"MessageSid": SID, "MessageStatus": state, "SmsSid": SID, "SmsStatus": state, "To": TO, **more}


OURS: Final = f"?message={ID}"
CALLBACKS: Final = [
    *(
        Callback(
            name=said,
            form=status(said),
            query=OURS,
            updates=(status_of(state, provider_message_id=SID),),
        )
        for said, state in (
            ("queued", MessageState.SENT),
            ("sending", MessageState.SENT),
            ("sent", MessageState.SENT),
            ("delivered", MessageState.DELIVERED),
            ("read", MessageState.READ),
        )
    ),
    *(
        Callback(
            name=said,
            form=status(said, ErrorCode=code),
            query=OURS,
            updates=(status_of(MessageState.FAILED, provider_message_id=SID, code=code, message=message),),
        )
        for said, code, message in (
            ("undelivered", "30003", "The handset cannot be reached."),
            ("failed", "30005", "The number is unknown."),
            ("canceled", "", ""),
            ("failed", "99999", ""),
        )
    ),
    Callback(
        name="without our id",
        form=status("delivered"),
        updates=(status_of(MessageState.DELIVERED, message_id=None, provider_message_id=SID),),
    ),
    Callback(
        name="somebody else's id",
        form=status("delivered"),
        query="?message=1",
        updates=(status_of(MessageState.DELIVERED, message_id=None, provider_message_id=SID),),
    ),
    Callback(name="an unknown state", form=status("dreaming"), query=OURS),
    Callback(name="of no message", form={"MessageSid": "x", "MessageStatus": "sent"}, query=OURS),
    Callback(name="inbound", form={"MessageSid": SID, "SmsStatus": "received", "Body": "Hello", "From": TO}),
]
