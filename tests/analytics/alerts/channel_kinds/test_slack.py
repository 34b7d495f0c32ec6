"""Alerts in Slack, which answers 200 and `ok`, or an error as text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from analytics.alerts.models import AlertChannel
from analytics.alerts.services.sending import send_notices
from integrations.models import Tenant
from tests.analytics.alerts.alert_steps import make_alert, notice, slack_channel

ADDRESS = "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX"


@pytest.fixture
def slack() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def test_text_mentions_nobody_and_links_nowhere(slack: responses.RequestsMock, tenant: Tenant) -> None:
    slack.post(ADDRESS, body="ok")
    notice(slack_channel(tenant), make_alert(tenant, object_label="<!channel> & <https://evil.example|x>"))
    assert send_notices() == 1
    text = json.loads(slack.calls[0].request.body)["text"]
    assert "&lt;!channel&gt; &amp; &lt;https://evil.example|x&gt;" in text
    assert "<" not in text
    assert text.startswith("*1 alert opened")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"status": 404, "body": "no_service"}, "Slack answered 404: the address is not valid any more"),
        ({"status": 410, "body": "channel_is_archived"}, "Slack answered 410: the channel is archived."),
        ({"status": 200, "body": "invalid_payload"}, "Slack answered 200."),
        ({"status": 500, "body": "<html>secret</html>"}, "Slack answered 500."),
        ({"status": 429, "body": "rate_limited"}, "Slack answered 429."),
    ],
)
def test_everything_but_ok_is_a_failure(
    answer: dict[str, Any], problem: str, slack: responses.RequestsMock, tenant: Tenant
) -> None:
    slack.post(ADDRESS, **answer)
    notice(slack_channel(tenant), make_alert(tenant))
    assert send_notices() == 0
    stored = AlertChannel.objects.get()
    assert stored.last_error.startswith(problem)
    assert (stored.failures, "B000" in stored.last_error) == (1, False)
