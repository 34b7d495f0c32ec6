"""Amazon SNS, for SMS."""

from __future__ import annotations

from pathlib import Path

from integrations.providers.aws_sns.connection import read_sms_attributes
from integrations.providers.base import Capability, Field, FieldKind, Provider

aws_sns = Provider(
    key="aws_sns",
    label="Amazon SNS",
    slot="sms",
    documentation=Path(__file__).with_name("doc.md"),
    capabilities=frozenset({Capability.TEST, Capability.SEND_MESSAGE}),
    test=read_sms_attributes,
    messaging="integrations.providers.aws_sns.messaging.messaging",
    fields=(
        Field(
            name="access_key_id",
            label="Access key ID",
            help="Of an IAM user that may send and read the SMS settings, and nothing else.",
            example="AKIAIOSFODNN7EXAMPLE",
            required=True,
            pattern=r"A(?:KIA|SIA)[A-Z0-9]{16}",
            pattern_message="AKIA (or ASIA) and 16 capital letters and digits.",
        ),
        Field(
            name="secret_access_key",
            label="Secret access key",
            help="Shown once, when the access key is made.",
            example="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            required=True,
            pattern=r"[A-Za-z0-9/+=]{40}",
            pattern_message="40 characters: letters, digits, +, / and =.",
        ),
        Field(
            name="session_token",
            label="Session token",
            section="Further settings",
            help="Only with a temporary access key (ASIA…), which ends within hours.",
            example="ExampleSessionTokenForDocumentationOnly==",
            pattern=r"[A-Za-z0-9/+=_-]+",
            pattern_message="Paste the token alone: no spaces and no line breaks.",
            max_length=4000,
        ),
        Field(
            name="region",
            label="Region",
            help="Where messages are sent from; SMS is not offered in every region.",
            example="eu-west-1",
            secret=False,
            required=True,
            pattern=r"[a-z]{2}(?:-[a-z]+){1,2}-[0-9]{1,2}",
            pattern_message="A region such as eu-west-1 or us-gov-west-1.",
            max_length=32,
        ),
        Field(
            name="sender_id",
            label="Sender ID",
            help="What recipients see where the country allows it; ignored in the United States.",
            example="ACME",
            secret=False,
            pattern=r"(?=.*[A-Za-z])[A-Za-z0-9]{3,11}",
            pattern_message="3 to 11 letters and digits, at least one letter, no spaces.",
            max_length=11,
        ),
        Field(
            name="sms_type",
            label="SMS type",
            help="Transactional messages cost more and are sent with priority.",
            example="Transactional",
            secret=False,
            kind=FieldKind.CHOICE,
            choices=(("Transactional", "Transactional"), ("Promotional", "Promotional")),
            default="Transactional",
        ),
        Field(
            name="endpoint_url",
            label="Endpoint",
            section="Further settings",
            help="Only for an endpoint of your own network; left out, it is AWS's in the region.",
            example="https://vpce-0123456789abcdef0-example.sns.eu-west-1.vpce.amazonaws.com",
            secret=False,
            kind=FieldKind.URL,
            pattern=r"[^?]+",
            pattern_message="An address without a query (the part after ?).",
            max_length=1000,
        ),
    ),
)
