from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from analytics.alerts.models import AlertChannel
from analytics.alerts.services.channels import MOST_CHANNELS
from integrations.encryption.masking import mask
from integrations.models import ActivityLog, Tenant, User
from tests.analytics.alerts.alert_steps import email_channel, slack_channel, webhook_channel
from tests.receiver import Receiver

PLATFORM = "/api/platform/alert-channels"
SLACK = "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX"
MAIL = {"kind": "email", "name": "Ops", "recipients": ["ops@example.com"]}


@pytest.fixture
def own(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.slug}/alert-channels"


@pytest.mark.parametrize("place", ["platform", "tenant"])
def test_channel_is_made_shown_changed_and_deleted(place: str, api: APIClient, own: str) -> None:
    address = PLATFORM if place == "platform" else own
    made = api.post(address, MAIL)
    assert made.status_code == 201, made.content
    one = f"{address}/{made.json()['id']}"
    assert made["Location"] == one
    assert api.get(one).json() == made.json() == api.get(address).json()[0]
    changed = api.patch(one, {"recipients": ["a@example.com", "b@example.com", "a@example.com"], "enabled": False})
    assert (changed.json()["recipients"], changed.json()["enabled"]) == (["a@example.com", "b@example.com"], False)
    assert api.delete(one).status_code == 204
    assert api.get(one).status_code == 404
    verbs = ActivityLog.objects.filter(object_kind="alertchannel").order_by("id").values_list("verb", flat=True)
    assert list(verbs) == ["alertchannel.created", "alertchannel.updated", "alertchannel.deleted"]


def test_owners_see_their_own_alone(api: APIClient, own: str, tenant: Tenant, other_tenant: Tenant) -> None:
    mine, others, platforms = email_channel(tenant), email_channel(other_tenant), email_channel(None)
    assert [row["id"] for row in api.get(own).json()] == [str(mine.id)]
    assert [row["id"] for row in api.get(PLATFORM).json()] == [str(platforms.id)]
    for address, channel in ((own, others), (own, platforms), (PLATFORM, mine)):
        assert api.get(f"{address}/{channel.id}").status_code == 404
        assert api.patch(f"{address}/{channel.id}", {"name": "x"}).status_code == 404
        assert api.post(f"{address}/{channel.id}/test").status_code == 404
        assert api.delete(f"{address}/{channel.id}").status_code == 404


def test_secret_of_a_webhook_is_shown_once(api: APIClient, own: str) -> None:
    made = api.post(own, {"kind": "webhook", "name": "Pager", "url": "https://alerts.example.com/in?token=abcdefgh"})
    assert made["Cache-Control"] == "no-store"
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    assert AlertChannel.objects.get().secret.reveal() == secret
    shown = api.get(f"{own}/{made.json()['id']}")
    assert shown.json()["secret"] == mask(secret)
    assert (shown.json()["url_host"], "abcdefgh" in shown.content.decode()) == ("alerts.example.com", False)


def test_blank_secrets_keep_what_is_stored(api: APIClient, own: str, tenant: Tenant) -> None:
    channel = webhook_channel("https://alerts.example.com/in", tenant)
    assert api.patch(f"{own}/{channel.id}", {"url": "", "secret": "", "name": "Renamed"}).status_code == 200
    stored = AlertChannel.objects.get()
    assert (stored.name, stored.url.reveal()) == ("Renamed", "https://alerts.example.com/in")
    assert stored.secret.reveal() == channel.secret.reveal()


def test_auditor_sees_no_secret_even_masked(own: str, tenant: Tenant) -> None:
    from integrations.authentication.tokens import issue_tokens

    slack_channel(tenant)
    auditor = User.objects.create_user("aud", "aud@example.com", "x", platform_role="auditor")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=auditor).access}")
    shown = client.get(own)
    assert (shown.json()[0]["url"], shown.json()[0]["secret"]) == ("hidden", None)
    assert client.post(own, MAIL).status_code == 403


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, ["kind", "name"]),
        ({"kind": "pigeon", "name": "x"}, ["kind"]),
        ({"kind": "email", "name": "x"}, ["recipients"]),
        ({"kind": "email", "name": "x", "recipients": []}, ["recipients"]),
        ({"kind": "email", "name": "x", "recipients": ["nobody"]}, ["recipients"]),
        ({"kind": "email", "name": "x", "recipients": ["a@example.com\nBcc: b@example.com"]}, ["recipients"]),
        ({"kind": "email", "name": "x", "recipients": [f"a{n}@example.com" for n in range(21)]}, ["recipients"]),
        ({**MAIL, "url": SLACK}, ["url"]),
        ({**MAIL, "name": "  "}, ["name"]),
        ({**MAIL, "rule_kinds": ["weather"]}, ["rule_kinds[0]"]),
        ({**MAIL, "color": "red"}, ["color"]),
        ({"kind": "slack", "name": "x"}, ["url"]),
        ({"kind": "slack", "name": "x", "url": "https://example.com/services/T/B/X"}, ["url"]),
        ({"kind": "slack", "name": "x", "url": "https://hooks.slack.com.example.com/T"}, ["url"]),
        ({"kind": "slack", "name": "x", "url": SLACK, "secret": "whsec_AAAA"}, ["secret"]),
        ({"kind": "webhook", "name": "x", "url": "ftp://example.com"}, ["url"]),
        ({"kind": "webhook", "name": "x", "url": "http://169.254.169.254/latest"}, ["url"]),
        ({"kind": "webhook", "name": "x", "url": "https://example.com", "secret": "short"}, ["secret"]),
    ],
)
def test_bad_input_is_named(body: dict[str, Any], named: list[str], api: APIClient, own: str) -> None:
    answer = api.post(own, body)
    assert (answer.status_code, sorted(answer.json()["errors"])) == (422, named), answer.content
    assert not AlertChannel.objects.exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"recipients": []}, "recipients"),
        ({"kind": "slack"}, "kind"),
        ({"recipients": None}, "recipients"),
        ({"failures": 0}, "failures"),
    ],
)
def test_bad_changes_are_named(change: dict[str, Any], named: str, api: APIClient, own: str, tenant: Tenant) -> None:
    answer = api.patch(f"{own}/{email_channel(tenant).id}", change)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [named])


def test_one_more_than_the_most_is_refused(api: APIClient, own: str, tenant: Tenant) -> None:
    for _ in range(MOST_CHANNELS):
        email_channel(tenant)
    answer = api.post(own, MAIL)
    assert (answer.status_code, "20 channels" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(("status", "error"), [(204, ""), (500, "The endpoint answered 500.")])
def test_test_says_whether_it_got_through(
    status: int, error: str, api: APIClient, own: str, tenant: Tenant, receiver: Receiver
) -> None:
    receiver.answer("/alerts", status=status)
    channel = webhook_channel(receiver.url("/alerts"), tenant)
    answer = api.post(f"{own}/{channel.id}/test")
    assert (answer.status_code, answer.json()["last_error"]) == (200, error)
    assert receiver.requests[0].json()["type"] == "alert.test"
