"""Requests and answers in the shape of SNS's query protocol, version 2010-03-31. Nobody calls back."""

from __future__ import annotations

import re
from typing import Any, Final

from integrations.providers.messaging import Template, Verdict
from tests.integrations.providers.messaging_cases.case import HTML, TO, Problem, Reply, Request, Sending

URL: Final = "https://sns.eu-west-1.amazonaws.com/"
SIGNED: Final = (
    r"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/[0-9]{8}/eu-west-1/sns/aws4_request, "
    r"SignedHeaders=content-type;host;x-amz-date%s, Signature=[0-9a-f]{64}"
)
FORM: Final[dict[str, str | re.Pattern[str]]] = {
    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    "X-Amz-Date": re.compile(r"[0-9]{8}T[0-9]{6}Z"),
}
ON_AWS: Final = {"endpoint_url": None}


def attribute(number: int, name: str, value: str) -> dict[str, str]:
    entry = f"MessageAttributes.entry.{number}"
    return {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}


REQUESTS: Final = [
    Request(
        name="with a sender id and a session",
        sending=Sending(text="Grüße & = 你好", values=ON_AWS),
        url=URL,
        headers={
            **FORM,
            "X-Amz-Security-Token": "ExampleSessionTokenForDocumentationOnly==",
            "Authorization": re.compile(SIGNED % ";x-amz-security-token"),
        },
        form={
            "Action": "Publish",
            "PhoneNumber": TO,
            "Message": "Grüße & = 你好",
            **attribute(1, "AWS.SNS.SMS.SMSType", "Transactional"),
            **attribute(2, "AWS.SNS.SMS.SenderID", "ACME"),
            "Version": "2010-03-31",
        },
    ),
    Request(
        name="promotional without a sender id",
        sending=Sending(values={**ON_AWS, "sender_id": None, "session_token": None, "sms_type": "Promotional"}),
        url=URL,
        headers={**FORM, "Authorization": re.compile(SIGNED % "")},
        form={
            "Action": "Publish",
            "PhoneNumber": TO,
            "Message": "Your code is 123456.",
            **attribute(1, "AWS.SNS.SMS.SMSType", "Promotional"),
            "Version": "2010-03-31",
        },
    ),
]
NAMESPACE: Final = "http://sns.amazonaws.com/doc/2010-03-31/"
MESSAGE_ID: Final = "567910cd-659e-55d4-8ccb-5aaf14679dc0"
XML: Final = {"Content-Type": "text/xml"}


def published(inside: str = f"<PublishResult><MessageId>{MESSAGE_ID}</MessageId></PublishResult>") -> str:
    metadata = "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
    return f'<PublishResponse xmlns="{NAMESPACE}">{inside}{metadata}</PublishResponse>'


def error(status: int, code: str, message: str = "Something", headers: Any = None) -> dict[str, Any]:
    body = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>'
        "</Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return {"status": status, "body": body, "headers": {**XML, **(headers or {})}, "code": code, "says": message}


RETRY, REFUSED, UNKNOWN = Verdict.RETRY, Verdict.REFUSED, Verdict.UNKNOWN
ANSWERS: Final = [
    Reply(
        name="accepted",
        verdict=Verdict.SENT,
        status=200,
        body=published(),
        headers=XML,
        provider_message_id=MESSAGE_ID,
    ),
    Reply(
        name="invalid number",
        verdict=REFUSED,
        **error(400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: +1 is not valid to publish to"),
    ),
    Reply(name="opted out", verdict=REFUSED, **error(400, "OptedOut")),
    Reply(name="unauthorised", verdict=REFUSED, **error(403, "InvalidClientTokenId", "The security token is invalid.")),
    Reply(name="wrong secret", verdict=REFUSED, **error(403, "SignatureDoesNotMatch")),
    Reply(name="session over", verdict=REFUSED, **error(403, "ExpiredToken")),
    Reply(
        name="missing permission",
        verdict=REFUSED,
        **error(403, "AuthorizationError", "User is not authorized to perform: SNS:Publish"),
    ),
    Reply(name="rate limit", verdict=RETRY, **error(429, "Throttled", "Rate exceeded")),
    Reply(name="rate limit of 400", verdict=RETRY, **error(400, "Throttling")),
    Reply(
        name="rate limit with a time",
        verdict=RETRY,
        retry_after=3.0,
        **error(429, "Throttled", headers={"Retry-After": "3"}),
    ),
    Reply(name="request that did not arrive whole", verdict=RETRY, **error(400, "RequestTimeout")),
    Reply(name="outage", verdict=UNKNOWN, **error(500, "InternalError", "An internal error")),
    Reply(name="gateway", verdict=UNKNOWN, status=503, body=HTML, code="503"),
    Reply(name="nonsense", verdict=UNKNOWN, status=200, body=HTML, code="200", says="names no message"),
    Reply(name="no id", verdict=UNKNOWN, status=200, body=published(""), headers=XML, code="200"),
]
PROBLEMS: Final = [
    Problem(name="text too long", sending=Sending(text="x" * 1601), field="text", says="at most 1,600 bytes in UTF-8"),
    Problem(name="letters too long", sending=Sending(text="é" * 801), field="text", says="this text has 1,602"),
    Problem(
        name="template",
        sending=Sending(template=Template(name="hello", language="en")),
        field="template",
        says="sends no templates",
    ),
    Problem(
        name="temporary key without its session",
        sending=Sending(values={"access_key_id": "ASIAIOSFODNN7EXAMPLE", "session_token": None}),
        field="integration",
        says="session_token",
    ),
]
