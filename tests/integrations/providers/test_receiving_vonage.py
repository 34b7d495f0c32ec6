"""Vonage's signatures, with the vectors of the tests of its SDKs for PHP, Ruby and Python, and its shapes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from integrations.providers.receiving import Incoming, RefusedError
from integrations.providers.registry import get_receiving
from tests.integrations.providers.senders import NOW, SENDERS, incoming, json_of, of

_INBOUND = {
    "message-timestamp": "2013-11-21 15:27:30",
    "messageId": "020000001B0FE827",
    "msisdn": "14843472194",
    "text": "Test again",
    "timestamp": "1385047698",
    "to": "13239877404",
    "type": "text",
}
_SPECIAL = {
    "keyword": "TEST",
    "message-timestamp": "2017-04-04 22:57:47",
    "messageId": "0B00000042AC53BD",
    "msisdn": "14843472194",
    "nonce": "929d6744-bd28-42c8-b6cf-31d5b4f43732",
    "text": "Test with & and =",
    "timestamp": "1491346667",
    "to": "12192259404",
    "type": "text",
}
_PLAIN = {"param1": "value1", "param2": "value2", "timestamp": "1234567890"}
_ODD = {"param1": "value&1", "param2": "value=2", "timestamp": "1234567890"}
_PHP_SECRET = "my_secret_key_for_testing"
_VONAGE_VECTORS = [
    ("md5hash", _PHP_SECRET, _INBOUND, "d2e7b1dc968737c5998ad624e02f90b7"),
    ("md5", _PHP_SECRET, _INBOUND, "DDEBD46008C2D4E93CCE578A332A52D5"),
    ("sha1", _PHP_SECRET, _INBOUND, "27D0D05C2876C7CB1720DBCDBA4D492E1E55C09A"),
    ("sha256", _PHP_SECRET, _INBOUND, "DDB8397C2B90AAC7F3882D306475C9A5058C92322EEF43C92B298B6E0FC0D330"),
    (
        "sha512",
        _PHP_SECRET,
        _INBOUND,
        "E0D3C650F8C9D1A5C174D10DDDBFB003E561F59B265616208B0487C5D819481CD3C311D59CF6165ECD1139622D5BA3A256C0D763AC4A9AD9144B5A426B94FE82",
    ),
    ("md5hash", _PHP_SECRET, _SPECIAL, "e06d9763e3fd0b9c31beb5fc2fcb011c"),
    ("sha256", "signature_secret", _PLAIN, "280c4320703dbc98bfa22db676655ed2acfbfe8792b062ff7622e67f1183c287"),
    ("md5", "signature_secret", _ODD, "2bbf0abafb2c55e5af6231513896a2ac"),
]


def _as_form(parameters: dict[str, str]) -> Incoming:
    at = datetime.fromtimestamp(int(parameters["timestamp"]), UTC)
    return incoming(urlencode(parameters), at=at, Content_Type="application/x-www-form-urlencoded")


@pytest.mark.parametrize(("method", "secret", "parameters", "signature"), _VONAGE_VECTORS)
def test_vonage_takes_the_published_signatures_by_their_own_method_alone(
    method: str, secret: str, parameters: dict[str, str], signature: str
) -> None:
    vonage = get_receiving("vonage")
    signed = {**parameters, "sig": signature}
    form = _as_form(signed)
    as_json = replace(form, body=json_of(signed), headers={"content-type": "application/json"})
    for request in (form, as_json):
        vonage.verify(request, of(secret, signature_method=method))
        for other in {"md5hash", "md5", "sha1", "sha256", "sha512"} - {method}:
            with pytest.raises(RefusedError):
                vonage.verify(request, of(secret, signature_method=other))
    with pytest.raises(RefusedError):
        vonage.verify(_as_form({**signed, "more": "1"}), of(secret, signature_method=method))


def test_vonage_takes_md5hash_unless_told_otherwise_and_needs_a_sig() -> None:
    vonage = get_receiving("vonage")
    vonage.verify(_as_form({**_INBOUND, "sig": _VONAGE_VECTORS[0][3]}), of(_PHP_SECRET))
    for parameters in (_INBOUND, {**_INBOUND, "sig": ""}):
        with pytest.raises(RefusedError, match="neither a token nor a sig"):
            vonage.verify(_as_form(parameters), of(_PHP_SECRET))
    nested = incoming(json_of({**_INBOUND, "sig": {"a": 1}}))
    with pytest.raises(RefusedError):
        vonage.verify(nested, of(_PHP_SECRET))


def _with_token(header: dict[str, str], claims: dict[str, Any], *, signed_with: str) -> str:
    parts = [base64.urlsafe_b64encode(json_of(part)).rstrip(b"=") for part in (header, claims)]
    mac = hmac.new(signed_with.encode(), b".".join(parts), "sha256").digest()
    return b".".join([*parts, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()


@pytest.mark.parametrize(
    ("header", "claims", "is_right"),
    [
        ({}, {}, True),
        ({"alg": "none"}, {}, False),
        ({"alg": "HS512"}, {}, False),
        ({"alg": "RS256"}, {}, False),
        ({}, {"iss": "Somebody"}, False),
        ({}, {"payload_hash": None}, False),
        ({}, {"payload_hash": hashlib.sha256(b"{}").hexdigest()}, False),
        ({}, {"iat": None}, False),
        ({}, {"iat": int(NOW.timestamp()) - 301}, False),
        ({}, {"iat": [1]}, False),
        ({"crit": ["b64"], "b64": False}, {}, False),
    ],
)
def test_vonage_takes_a_token_of_the_pinned_algorithm_for_this_body_and_time(
    header: Any, claims: Any, is_right: bool
) -> None:
    sender = SENDERS["vonage"]
    body_hash = hashlib.sha256(sender.body).hexdigest()
    token = _with_token(
        {"alg": "HS256", "typ": "JWT", **header},
        {"iss": "Vonage", "iat": int(NOW.timestamp()), "payload_hash": body_hash, **claims},
        signed_with=sender.secret,
    )
    request = incoming(sender.body, Authorization=f"Bearer {token}", Content_Type="application/json")
    if is_right:
        get_receiving("vonage").verify(request, of(sender.secret))
        return
    with pytest.raises(RefusedError):
        get_receiving("vonage").verify(request, of(sender.secret))


def test_vonage_refuses_the_published_token_which_names_no_body() -> None:
    token = (
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJPbmxpbmUgSldUIEJ1aWxkZXIiLCJpYXQiOjE2OTc2MzQ2ODAsImV4cCI6MzMy"
        "NTQ1NDA4MjgsImF1ZCI6IiIsInN1YiI6IiJ9.88vJc3I2HhuqEDixHXVhc9R30tA6U_HQHZTC29y6CGM"
    )
    request = incoming(b"{}", at=datetime.fromtimestamp(1697634680, UTC), Authorization=f"Bearer {token}")
    with pytest.raises(RefusedError):
        get_receiving("vonage").verify(request, of("qwertyuiopasdfghjklzxcvbnm123456"))


@pytest.mark.parametrize(
    ("body", "event_type"),
    [
        ({"messageId": "0A", "status": "delivered"}, "vonage.message_status"),
        ({"messageId": "0A", "msisdn": "447700900001", "text": "Hello"}, "vonage.message_received"),
        ({"message_uuid": "aa-bb", "status": "submitted"}, "vonage.message_status"),
        ({"message_uuid": "aa-bb", "channel": "sms", "text": "Hello"}, "vonage.message_received"),
    ],
)
def test_vonage_tells_messages_from_statuses_and_keeps_nothing_that_proves_it(body: Any, event_type: str) -> None:
    request = incoming(json_of({**body, "sig": "abc", "nonce": "n"}), Content_Type="application/json")
    (received,) = get_receiving("vonage").parse(request, of("x"))
    assert (received.event_type, received.payload) == (event_type, body)


def test_vonage_tells_the_parts_of_a_long_message_apart() -> None:
    parts = [{"messageId": "0A", "text": "Hel", "concat-part": part} for part in ("1", "2")]
    vonage = get_receiving("vonage")
    keys = {vonage.parse(incoming(json_of(part)), of("x"))[0].key for part in parts}
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, []),
        ({"signature_method": "sha512"}, []),
        ({"signature_method": "SHA512"}, ["signature_method"]),
        ({"signature_method": ["md5"]}, ["signature_method"]),
        ({"scheme": "hmac"}, ["scheme"]),
    ],
)
def test_vonage_checks_its_options(options: dict[str, Any], wrong: list[str]) -> None:
    assert sorted(get_receiving("vonage").option_problems(options)) == wrong
