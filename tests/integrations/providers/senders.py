"""External systems as they deliver to us: each knows how its provider signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from integrations.providers.receiving import Incoming, Settings

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
URL = "https://signalbox.example.com/api/webhooks/in/019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"


@dataclass(frozen=True)
class Sender:
    """One provider's side: a good secret, another one, and how it makes a request with either."""

    secret: str
    other_secret: str
    event_type: str
    sign: Callable[[str, bytes, datetime, str], dict[str, str]]
    body: bytes
    content_type: str = "application/json"
    options: dict[str, str] = field(default_factory=dict)
    signs_time: bool = False
    seal: Callable[[str, bytes, datetime], bytes] | None = None
    """Of a provider whose signature stands in the body: makes the body that is sent."""

    def request(
        self, *, secret: str | None = None, at: datetime = NOW, body: bytes | None = None, url: str = URL
    ) -> Incoming:
        """Return a genuine request."""
        sent = self.body if body is None else body
        if self.seal is not None:
            sent = self.seal(secret or self.secret, sent, at)
        headers = {"content-type": self.content_type, **self.sign(secret or self.secret, sent, at, url)}
        return Incoming(
            method="POST",
            url=url,
            headers={name.lower(): value for name, value in headers.items()},
            body=sent,
            received_at=at,
        )


def incoming(
    body: str | bytes = b"", *, url: str = "https://example.com/", at: datetime = NOW, **headers: str
) -> Incoming:
    """Return a request as it arrives; headers with underscores for their hyphens."""
    return Incoming(
        method="POST",
        url=url,
        headers={name.replace("_", "-").lower(): value for name, value in headers.items()},
        body=body.encode() if isinstance(body, str) else body,
        received_at=at,
    )


def of(secret: str, **options: str) -> Settings:
    """Return what a receiver with this secret knows."""
    return Settings(name="in", secrets=[secret], verify_token="our-verify-token", options=options)


def _hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def _github(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    return {
        "X-GitHub-Event": "pull_request",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": "sha256=" + _hex(secret, body),
    }


def _slack(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    signature = "v0=" + _hex(secret, f"v0:{timestamp}:".encode() + body)
    return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": signature}


def _whatsapp(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + _hex(secret, body)}


def _twilio(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    fields = "".join(name + value for name, value in sorted(parse_qsl(body.decode(), keep_blank_values=True)))
    mac = hmac.new(secret.encode(), (url + fields).encode(), hashlib.sha1).digest()
    return {"X-Twilio-Signature": base64.b64encode(mac).decode()}


def _standard(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    timestamp = str(int(at.timestamp()))
    mac = hmac.new(key, f"msg_1.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": timestamp,
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


def _own_hmac(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    timestamp = str(int(at.timestamp()))
    mac = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha512).digest()
    return {"X-Time": timestamp, "X-Signature": "s=" + base64.b64encode(mac).decode()}


def _token(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    return {"X-Token": secret, "X-Event-Id": "41"}


def _vonage(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    """Make the token by hand, so that not only what made it can read it."""
    claims = {
        "iss": "Vonage",
        "iat": int(at.timestamp()),
        "jti": "c5ba8f24-1a14-4c10-bfdf-3fbe8ce511b5",
        "payload_hash": hashlib.sha256(body).hexdigest(),
        "api_key": "abcd1234",
    }
    signed = b".".join(_base64url(json_of(part)) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    signature = hmac.new(secret.encode(), signed, hashlib.sha256).digest()
    return {"Authorization": f"Bearer {signed.decode()}.{_base64url(signature).decode()}"}


def _base64url(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _unsigned(secret: str, body: bytes, at: datetime, url: str) -> dict[str, str]:
    return {}


def _seal_vonage(secret: str, body: bytes, at: datetime) -> bytes:
    fields = {**dict(parse_qsl(body.decode(), keep_blank_values=True)), "timestamp": str(int(at.timestamp()))}
    signed = "".join(f"&{name}={value}" for name, value in sorted(fields.items()))
    return urlencode({**fields, "sig": _hex(secret, signed.encode()).upper()}).encode()


def json_of(value: Any) -> bytes:
    return json.dumps(value).encode()


_MESSAGE = {"id": "wamid.A", "from": "15550100300", "timestamp": "1", "type": "text", "text": {"body": "Hi"}}
_CHANGE = {"field": "messages", "value": {"metadata": {"phone_number_id": "1"}, "messages": [_MESSAGE]}}

# By provider and, where it has several ways, by their name.
SENDERS: dict[str, Sender] = {
    "github": Sender(
        secret="0f" * 32,
        other_secret="1e" * 32,
        event_type="github.pull_request.opened",
        sign=_github,
        body=json_of({"action": "opened", "number": 7}),
    ),
    "slack": Sender(
        secret="8f742231b10e8888abcd99eeeddd85a5",
        other_secret="00742231b10e8888abcd99eeeddd85a5",
        event_type="slack.app_mention",
        sign=_slack,
        body=json_of({"type": "event_callback", "event_id": "Ev1", "event": {"type": "app_mention", "text": "hi"}}),
        signs_time=True,
    ),
    "whatsapp": Sender(
        secret="1222e786b144d0e85b9f365372d93676",
        other_secret="0022e786b144d0e85b9f365372d93676",
        event_type="whatsapp.messages",
        sign=_whatsapp,
        body=json_of({"object": "whatsapp_business_account", "entry": [{"id": "26", "changes": [_CHANGE]}]}),
    ),
    "twilio": Sender(
        secret="12345678901234567890123456789012",
        other_secret="00345678901234567890123456789012",
        event_type="twilio.message_status",
        sign=_twilio,
        body=urlencode({"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+15550100300"}).encode(),
        content_type="application/x-www-form-urlencoded",
    ),
    "vonage": Sender(
        secret="qwertyuiopasdfghjklzxcvbnm123456",
        other_secret="0wertyuiopasdfghjklzxcvbnm123456",
        event_type="vonage.message_status",
        sign=_vonage,
        body=json_of({"message_uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab", "to": "1", "status": "delivered"}),
        signs_time=True,
    ),
    "vonage-sms": Sender(
        secret="my_secret_key_for_testing",
        other_secret="another_key_for_testing",
        event_type="vonage.message_status",
        sign=_unsigned,
        body=urlencode(
            {"messageId": "0A0000001234567B", "status": "delivered", "err-code": "0", "to": "ACME"}
        ).encode(),
        content_type="application/x-www-form-urlencoded",
        options={"signature_method": "sha256"},
        signs_time=True,
        seal=_seal_vonage,
    ),
    "custom": Sender(
        secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=",
        other_secret="whsec_plJ3nmyCDGBKInavdOK15jsl8bJyjeiPMMHfQ9jnUFY=",
        event_type="inbound.billing",
        sign=_standard,
        body=json_of({"invoice": 7}),
        signs_time=True,
    ),
    "custom-hmac": Sender(
        secret="a-shared-secret-of-two",
        other_secret="another-shared-secret",
        event_type="inbound.billing",
        sign=_own_hmac,
        body=json_of({"invoice": 7}),
        options={
            "scheme": "hmac",
            "header": "X-Signature",
            "hash": "sha512",
            "encoding": "base64",
            "prefix": "s=",
            "timestamp_header": "X-Time",
        },
        signs_time=True,
    ),
    "custom-token": Sender(
        secret="a-fixed-token-in-a-header",
        other_secret="another-token-in-a-header",
        event_type="inbound.billing",
        sign=_token,
        body=json_of({"invoice": 7}),
        options={"scheme": "token", "header": "X-Token", "id_header": "X-Event-Id"},
    ),
}
