"""SNS against a local moto server that checks signatures and permissions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import moto.settings
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.responses import ActionAuthenticatorMixin
from moto.server import ThreadedMotoServer
from moto.sns.models import sns_backends

from integrations.ids import uuid7
from integrations.providers.aws_sns.connection import signed_headers
from integrations.providers.aws_sns.messaging import messaging
from integrations.providers.aws_sns.provider import aws_sns
from integrations.providers.client import ProviderClient
from integrations.providers.connection_test import TestOutcome, run_connection_test
from integrations.providers.messaging import Channel, Judgement, OutgoingMessage, Verdict
from integrations.providers.outcome import Result
from integrations.providers.values import Values

REGION = "eu-west-1"
ALLOWED = {"Effect": "Allow", "Action": ["sns:Publish", "sns:GetSMSAttributes"], "Resource": "*"}


@dataclass
class Cloud:
    url: str

    def key_of(self, user: str, statement: dict[str, Any]) -> dict[str, str]:
        """Make a user who may do what the statement says, and return their access key."""
        before = moto.settings.INITIAL_NO_AUTH_ACTION_COUNT
        moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = float("inf")
        try:
            iam = boto3.client(
                "iam", "us-east-1", endpoint_url=self.url, aws_access_key_id="x", aws_secret_access_key="x"
            )
            iam.create_user(UserName=user)
            document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            iam.put_user_policy(UserName=user, PolicyName="sms", PolicyDocument=document)
            made = iam.create_access_key(UserName=user)["AccessKey"]
        finally:
            moto.settings.INITIAL_NO_AUTH_ACTION_COUNT = before
        return {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def cloud(moto_url: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    settings.OUTBOUND_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    monkeypatch.setattr(moto.settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
    monkeypatch.setattr(ActionAuthenticatorMixin, "request_count", 0)
    return Cloud(moto_url)


def outcome_of(cloud: Cloud, **given: str) -> TestOutcome:
    values = {"region": REGION, "endpoint_url": cloud.url, **given}
    assert aws_sns.problems(values) == {}
    return run_connection_test(aws_sns, Values(aws_sns, aws_sns.cleaned(values)))


def test_key_that_may_is_connected(cloud: Cloud) -> None:
    outcome = outcome_of(cloud, **cloud.key_of("sender", ALLOWED))
    assert (outcome.result, outcome.data["region"]) == (Result.OK, REGION), outcome.message


def test_unknown_key_wrong_secret_and_missing_permission_are_told_apart(cloud: Cloud) -> None:
    key = cloud.key_of("another", ALLOWED)
    reader = cloud.key_of("reader", {"Effect": "Allow", "Action": ["s3:ListAllMyBuckets"], "Resource": "*"})
    unknown = {**key, "access_key_id": "AKIA0000000000000000"}
    wrong = {**key, "secret_access_key": "x" * 40}

    said = {
        name: outcome_of(cloud, **values)
        for name, values in (("unknown", unknown), ("wrong", wrong), ("may not", reader))
    }

    assert {name: (outcome.result, outcome.message.rpartition("(")[2]) for name, outcome in said.items()} == {
        "unknown": (Result.BAD_CREDENTIALS, "InvalidClientTokenId)."),
        "wrong": (Result.BAD_CREDENTIALS, "SignatureDoesNotMatch)."),
        "may not": (Result.MISSING_PERMISSION, "AccessDenied)."),
    }
    for outcome in said.values():
        assert key["secret_access_key"] not in outcome.message


def judged(cloud: Cloud, text: str = "Your code is 123456.", **given: str) -> Judgement:
    """Send a message as the delivery engine does, and return what its answer means."""
    values = Values(aws_sns, {"region": REGION, "endpoint_url": cloud.url, "sender_id": "ACME", **given})
    message = OutgoingMessage(id=uuid7(), channel=Channel.SMS, to="+447700900001", text=text)
    assert messaging.problems(message, values) == {}
    request = messaging.request(message, values)
    with ProviderClient(aws_sns, values) as client:
        return messaging.judge(client.exchange("POST", request.url, headers=request.headers, data=request.body))


def test_message_arrives_with_its_signature_checked(cloud: Cloud) -> None:
    judgement = judged(cloud, "Grüße & = 你好", **cloud.key_of("publisher", ALLOWED))
    assert judgement.verdict is Verdict.SENT, judgement
    sent = sns_backends[DEFAULT_ACCOUNT_ID][REGION].sms_messages[judgement.provider_message_id]
    assert sent == ("+447700900001", "Grüße & = 你好")


def test_message_with_a_wrong_key_or_without_permission_is_refused_in_the_words_of_aws(cloud: Cloud) -> None:
    key = cloud.key_of("late", ALLOWED)
    wrong = judged(cloud, **{**key, "secret_access_key": "x" * 40})
    reader = cloud.key_of("only_reads", {"Effect": "Allow", "Action": ["sns:GetSMSAttributes"], "Resource": "*"})
    may_not = judged(cloud, **reader)
    assert (wrong.verdict, wrong.code) == (Verdict.REFUSED, "SignatureDoesNotMatch")
    assert (may_not.verdict, may_not.code) == (Verdict.REFUSED, "AccessDenied")
    assert "not authorized to perform" in may_not.message


def test_session_token_is_signed_and_sent() -> None:
    values = Values(aws_sns, {field.name: field.example for field in aws_sns.fields})
    headers = signed_headers(values, "https://sns.eu-west-1.amazonaws.com/", b"Action=GetSMSAttributes")
    assert headers["X-Amz-Security-Token"] == values["session_token"]
    assert "/eu-west-1/sns/aws4_request" in headers["Authorization"]
    assert "x-amz-security-token" in headers["Authorization"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("access_key_id", "AKIA123", "16 capital letters and digits"),
        ("access_key_id", "akiaiosfodnn7example", "16 capital letters and digits"),
        ("access_key_id", "AROAIOSFODNN7EXAMPLE", "16 capital letters and digits"),
        ("secret_access_key", "x" * 39, "40 characters"),
        ("secret_access_key", "x" * 39 + "é", "40 characters"),
        ("session_token", "two words", "no spaces"),
        ("region", "Frankfurt", "such as eu-west-1"),
        ("region", "eu-west-1.evil.example.com/", "such as eu-west-1"),
        ("region", "eu-west-1#", "such as eu-west-1"),
        ("sender_id", "AC", "3 to 11 letters and digits"),
        ("sender_id", "123456", "at least one letter"),
        ("sender_id", "ACME Ltd", "no spaces"),
        ("sender_id", "twelve-chars", "At most 11 characters"),
        ("sms_type", "Urgent", "one of Transactional, Promotional"),
        ("endpoint_url", "https://example.com/?a=1", "without a query"),
    ],
)
def test_field_is_refused_with_its_format_when_malformed(field: str, value: str, said: str) -> None:
    given = {field.name: field.example for field in aws_sns.fields}
    problems = aws_sns.problems({**given, field: value})
    assert list(problems) == [field]
    assert said in problems[field][0]


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-2", "us-gov-west-1", "ap-southeast-4", "cn-north-1"])
def test_takes_every_region(region: str) -> None:
    given = {field.name: field.example for field in aws_sns.fields}
    assert aws_sns.problems({**given, "region": region}) == {}
