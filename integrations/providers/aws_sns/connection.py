"""Testing SNS credentials: the account's SMS settings must be readable, in the region that messages are sent from.

Signed by botocore and sent by our own client, so that the egress guard covers it and nothing is repeated behind our back.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from integrations.encryption.masking import mask
from integrations.providers.answers import Answer
from integrations.providers.client import ProviderClient
from integrations.providers.connection_test import ConnectionReport
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.values import Values

VERSION: Final = "2010-03-31"
_FACTS: Final = ("MonthlySpendLimit", "DefaultSMSType", "DefaultSenderID")
_ENTRY: Final = re.compile(r"<key>\s*(\w{1,50})\s*</key>\s*<value>([^<]{0,100})</value>")
_CREDENTIALS: Final = frozenset(
    {
        *("InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "ExpiredTokenException"),
        *("UnrecognizedClientException", "MissingAuthenticationToken", "IncompleteSignature"),
    }
)
_PERMISSIONS: Final = frozenset(
    {"AuthorizationError", "AccessDenied", "AccessDeniedException", "OptInRequired", "InvalidSecurity"}
)
_LIMITS: Final = frozenset({"Throttled", "Throttling", "ThrottlingException", "TooManyRequestsException"})


def read_sms_attributes(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the SMS settings (`GetSMSAttributes`): free, and sends nothing."""
    answer = call(client, values, {"Action": "GetSMSAttributes"})
    # The end, too: what was cut off on its way has no end.
    if "</GetSMSAttributesResponse>" not in answer.text:
        raise answer.no_api() if answer.looks_like_html else answer.unexpected("it knows no SMS settings")
    found = {name: html.unescape(value).strip() for name, value in _ENTRY.findall(answer.text)}
    return ConnectionReport(
        identity=f"Access key {mask(values['access_key_id'])} in {values['region']}",
        data={"region": values["region"], **{name: found[name] for name in _FACTS if name in found}},
    )


def call(client: ProviderClient, values: Values, parameters: Mapping[str, str]) -> Answer:
    """Make one call of SNS's query protocol. Never repeated by itself."""
    url = endpoint(values)
    body = urlencode({**parameters, "Version": VERSION}).encode()
    return client.post(url, data=body, headers=signed_headers(values, url, body), explain=explain)


def endpoint(values: Values) -> str:
    region = values["region"]
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"{values.get('endpoint_url') or f'https://sns.{region}.{suffix}'}/"


def signed_headers(values: Values, url: str, body: bytes) -> dict[str, str]:
    """Return the headers of a request signed with Signature Version 4."""
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest(method="POST", url=url, data=body, headers=headers)
    credentials = Credentials(values["access_key_id"], values["secret_access_key"], values.get("session_token"))
    SigV4Auth(credentials, "sns", values["region"]).add_auth(request)
    return {str(name): str(value) for name, value in request.headers.items()}


def explain(answer: Answer) -> ProviderError | None:
    """Say what an error of AWS's means, by its code; None where its status says it."""
    if answer.is_success:
        return None
    code = text_of("Code", answer)
    said = text_of("Message", answer)
    if code in _CREDENTIALS:
        result, sentence = Result.BAD_CREDENTIALS, "AWS does not accept the credentials."
    elif code in _PERMISSIONS:
        result, sentence = (
            Result.MISSING_PERMISSION,
            "The access key may not do this: allow sns:GetSMSAttributes and sns:Publish.",
        )
    elif code in _LIMITS:
        result, sentence = Result.RATE_LIMITED, "AWS wants fewer requests."
    else:
        return None
    wait = answer.retry_after if result is Result.RATE_LIMITED else None
    return ProviderError(
        result, f"{sentence} AWS says: {said or code} ({code}).", wait, code=code, status=answer.status
    )


def text_of(name: str, answer: Answer) -> str:
    """Return the text of the first element of that name, "" where there is none; raises nothing."""
    # Short texts out of a known document: no parser for whatever XML somebody may send.
    found = re.search(rf"<{name}>([^<]{{1,500}})</{name}>", answer.text)
    return " ".join(html.unescape(found[1]).split())[:300] if found else ""
