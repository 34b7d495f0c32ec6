"""Answers in the shape of SNS's query protocol, version 2010-03-31."""

from __future__ import annotations

from typing import Any, Final

from integrations.providers.outcome import Result
from tests.integrations.providers.connection_cases.case import HTML, Case, Reply

URL: Final = "https://sns.eu-west-1.amazonaws.com/"
ON_AWS: Final = {"endpoint_url": None}
NAMESPACE: Final = "http://sns.amazonaws.com/doc/2010-03-31/"
ATTRIBUTES: Final = (
    f'<GetSMSAttributesResponse xmlns="{NAMESPACE}"><GetSMSAttributesResult><attributes><entry><key>MonthlySpendLimit</key>'
    "<value>50</value></entry><entry><key>DefaultSMSType</key><value>Transactional</value></entry></attributes>"
    "</GetSMSAttributesResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetSMSAttributesResponse>"
)


def said(status: int, body: str, headers: Any = None, url: str = URL) -> tuple[Reply, ...]:
    return (Reply("POST", url, status, body, {"Content-Type": "text/xml", **(headers or {})}),)


def error(status: int, code: str, message: str = "Something", headers: Any = None) -> tuple[Reply, ...]:
    body = (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>'
        "</Error><RequestId>1</RequestId></ErrorResponse>"
    )
    return said(status, body, headers)


CASES: Final = [
    Case(
        name="success",
        result=Result.OK,
        values=ON_AWS,
        replies=said(200, ATTRIBUTES),
        identity="Access key ***MPLE in eu-west-1",
        data={"region": "eu-west-1", "MonthlySpendLimit": "50", "DefaultSMSType": "Transactional"},
    ),
    Case(
        name="success at an endpoint of one's own",
        result=Result.OK,
        replies=said(200, ATTRIBUTES, url="https://vpce-0123456789abcdef0-example.sns.eu-west-1.vpce.amazonaws.com/"),
        identity="Access key ***MPLE in eu-west-1",
    ),
    Case(
        name="success in China",
        result=Result.OK,
        values={**ON_AWS, "region": "cn-north-1"},
        replies=said(200, ATTRIBUTES, url="https://sns.cn-north-1.amazonaws.com.cn/"),
        identity="Access key ***MPLE in cn-north-1",
    ),
    Case(
        name="wrong credentials",
        result=Result.BAD_CREDENTIALS,
        values=ON_AWS,
        replies=error(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
        says="(InvalidClientTokenId)",
    ),
    Case(
        name="wrong secret",
        result=Result.BAD_CREDENTIALS,
        values=ON_AWS,
        replies=error(403, "SignatureDoesNotMatch"),
    ),
    Case(name="ended credentials", result=Result.BAD_CREDENTIALS, values=ON_AWS, replies=error(403, "ExpiredToken")),
    Case(
        name="missing permission",
        result=Result.MISSING_PERMISSION,
        values=ON_AWS,
        replies=error(403, "AuthorizationError", "User is not authorized to perform: SNS:GetSMSAttributes"),
        says="allow sns:GetSMSAttributes",
    ),
    Case(
        name="rate limit", result=Result.RATE_LIMITED, values=ON_AWS, replies=error(429, "Throttled", "Rate exceeded")
    ),
    Case(name="rate limit of 400", result=Result.RATE_LIMITED, values=ON_AWS, replies=error(400, "Throttling")),
    Case(name="outage", result=Result.PROVIDER_DOWN, values=ON_AWS, replies=error(500, "InternalError")),
    Case(name="nonsense", result=Result.WRONG_HOST, values=ON_AWS, replies=said(200, HTML), says="web page"),
]
