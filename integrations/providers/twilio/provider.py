"""Twilio Programmable Messaging (SMS)."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, Provider
from integrations.providers.phone_numbers import E164, as_sender
from integrations.providers.twilio.connection import read_account

_SHORT_CODE = r"[0-9]{3,8}"
_ALPHANUMERIC_SENDER = r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}"

twilio = Provider(
    key="twilio",
    label="Twilio",
    slot="sms",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.SEND_MESSAGE}),
    test=read_account,
    messaging="integrations.providers.twilio.messaging.messaging",
    fields=(
        Field(
            name="account_sid",
            label="Account SID",
            help="From the console's first page.",
            example="AC0123456789abcdef0123456789abcdef",
            required=True,
            pattern=r"AC[0-9a-fA-F]{32}",
            pattern_message="AC and 32 hexadecimal characters, as on the console's first page.",
        ),
        Field(
            name="auth_token",
            label="Auth token",
            help="The primary one: a secondary token cannot check the signatures of callbacks.",
            example="0123456789abcdef0123456789abcdef",
            required_without=("api_key_secret",),
            pattern=r"[!-~]+",
            pattern_message="Paste the token alone: no spaces and no letters outside ASCII.",
            max_length=256,
        ),
        Field(
            name="api_key_sid",
            label="API key SID",
            section="An API key instead of the auth token",
            help="Of an API key, which is used instead of the auth token where there is one.",
            example="SK0123456789abcdef0123456789abcdef",
            secret=True,
            required_with=("api_key_secret",),
            pattern=r"SK[0-9a-fA-F]{32}",
            pattern_message="SK and 32 hexadecimal characters, from Account, API keys and tokens.",
        ),
        Field(
            name="api_key_secret",
            label="API key secret",
            section="An API key instead of the auth token",
            help="Shown once, when the key is made.",
            example="ExampleApiKeySecretForDocumentation",
            required_without=("auth_token",),
            required_with=("api_key_sid",),
            pattern=r"[!-~]+",
            pattern_message="Paste the secret alone: no spaces and no letters outside ASCII.",
            max_length=256,
        ),
        Field(
            name="phone_number",
            label="Sender",
            help="A number of the account, a short code, or a sender name of up to 11 letters and digits.",
            example="+15005550006",
            secret=False,
            required_without=("messaging_service_sid",),
            pattern=f"{E164}|{_SHORT_CODE}|{_ALPHANUMERIC_SENDER}",
            pattern_message="A number such as +15005550006, a short code, or up to 11 letters and digits.",
            max_length=32,
            normalise=as_sender,
        ),
        Field(
            name="messaging_service_sid",
            label="Messaging service SID",
            help="Lets Twilio choose the sender from the service's numbers.",
            example="MG0123456789abcdef0123456789abcdef",
            secret=False,
            required_without=("phone_number",),
            pattern=r"MG[0-9a-fA-F]{32}",
            pattern_message="MG and 32 hexadecimal characters, from Messaging, Services.",
        ),
    ),
)
