"""Vonage SMS."""

from __future__ import annotations

import re
from pathlib import Path

from integrations.providers.base import Capability, Field, Provider
from integrations.providers.phone_numbers import E164, as_e164, as_sender
from integrations.providers.vonage.connection import read_balance

_ALPHANUMERIC_SENDER = r"(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11}"
_SHORT_CODE = r"[0-9]{3,8}"
_BARE_NUMBER = re.compile(r"[1-9][0-9]{8,14}")


def _as_sender(text: str) -> str:
    """Vonage shows numbers without their plus sign: what has too many digits for a short code is one."""
    return as_e164(text) if _BARE_NUMBER.fullmatch(text) else as_sender(text)


vonage = Provider(
    key="vonage",
    label="Vonage",
    slot="sms",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.SEND_MESSAGE}),
    test=read_balance,
    messaging="integrations.providers.vonage.messaging.messaging",
    fields=(
        Field(
            name="api_key",
            label="API key",
            help="From the dashboard's first page.",
            example="abcd1234",
            required=True,
            pattern=r"[0-9A-Za-z]{8}",
            pattern_message="8 letters and digits, as on the dashboard's first page.",
        ),
        Field(
            name="api_secret",
            label="API secret",
            help="Either of the account's two; the dashboard can make a second one for a change.",
            example="ExampleSecret16ch",
            required=True,
            pattern=r"[!-~]{6,32}",
            pattern_message="6 to 32 characters without spaces, from API settings.",
        ),
        Field(
            name="from",
            label="Sender",
            help="A number of the account with its plus sign, a short code, or a name of up to 11 letters and digits.",
            example="+447700900000",
            secret=False,
            required=True,
            pattern=f"{E164}|{_SHORT_CODE}|{_ALPHANUMERIC_SENDER}",
            pattern_message="A number such as +447700900000, a short code, or up to 11 letters and digits.",
            max_length=32,
            normalise=_as_sender,
        ),
    ),
)
