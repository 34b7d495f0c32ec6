"""WhatsApp Business Cloud API (Meta Graph)."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.base import Capability, Field, Provider
from integrations.providers.phone_numbers import E164, as_e164
from integrations.providers.whatsapp.connection import DEFAULT_VERSION, read_phone_number

whatsapp = Provider(
    key="whatsapp",
    label="WhatsApp",
    slot="whatsapp",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.SEND_MESSAGE}),
    test=read_phone_number,
    messaging="integrations.providers.whatsapp.messaging.messaging",
    fields=(
        Field(
            name="phone_number_id",
            label="Phone number ID",
            help="Meta's id of the sender, from the API setup page; not the phone number itself.",
            example="106540352242922",
            secret=False,
            required=True,
            pattern=r"[0-9]{1,32}",
            pattern_message="Digits only: the id that Meta shows under the phone number, not the number itself.",
        ),
        Field(
            name="business_account_id",
            label="WhatsApp Business Account ID",
            help="Needed to read templates and the account's numbers.",
            example="102290129340398",
            secret=False,
            pattern=r"[0-9]{1,32}",
            pattern_message="Digits only: the WhatsApp Business Account ID from the API setup page.",
        ),
        Field(
            name="access_token",
            label="Access token",
            help="A system user's permanent token; temporary ones end within hours.",
            example="EAATestAccessTokenForDocumentationOnly123456789",
            required=True,
            pattern=r"[!-~]+",
            pattern_message="Paste the token alone: no spaces, no “Bearer”, no letters outside ASCII.",
            max_length=1000,
        ),
        Field(
            name="webhook_verify_token",
            label="Webhook verify token",
            section="Webhooks from Meta",
            help="A text that you choose and also enter in Meta's webhook settings.",
            example="a-text-that-you-chose",
            max_length=256,
        ),
        Field(
            name="app_secret",
            label="App secret",
            section="Webhooks from Meta",
            help="Meta signs its webhooks with it. App settings, Basic.",
            example="0123456789abcdef0123456789abcdef",
            pattern=r"[0-9a-fA-F]{32}",
            pattern_message="32 hexadecimal characters: “App secret” in the app's basic settings.",
        ),
        Field(
            name="phone_number",
            label="Phone number",
            section="Further settings",
            help="The sender as people see it; only shown, never used for sending.",
            example="+16505551234",
            secret=False,
            pattern=E164,
            pattern_message="A number with its country code, such as +16505551234.",
            max_length=32,
            normalise=as_e164,
        ),
        Field(
            name="api_version",
            label="Graph API version",
            section="Further settings",
            help="Left out, it is v23.0. Meta ends a version about two years after it came.",
            example="v23.0",
            secret=False,
            pattern=r"v[0-9]{1,3}\.[0-9]{1,2}",
            pattern_message="A version such as v23.0.",
            max_length=8,
            default=DEFAULT_VERSION,
        ),
    ),
)
