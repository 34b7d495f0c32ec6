from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.alerts.models import AlertChannel
from integrations.models import Tenant, User
from tests.analytics.alerts.alert_steps import email_channel, make_alert, notice, webhook_channel
from tests.config.platform_scene import client_of, staff
from tests.receiver import Receiver

ADD = "/admin/alerts/alertchannel/add/"


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    return client_of(platform_admin)


def change(channel: AlertChannel) -> str:
    return reverse("admin:alerts_alertchannel_change", args=[channel.pk])


def test_mail_channel_is_added_in_two_steps(admin_client: Client, tenant: Tenant) -> None:
    assert b"How to tell" in admin_client.get(ADD).content
    step = f"{ADD}?kind=email&tenant={tenant.pk}"
    assert b"of Acme" in admin_client.get(step).content
    refused = admin_client.post(step, {"name": "Ops", "recipients": "ops@example.com\nnobody", "enabled": "on"})
    assert b"Give e-mail addresses such as" in refused.content
    body = {"name": "Ops", "recipients": "ops@example.com\r\nb@example.com\r\n", "rule_kinds": ["delivery_lag"]}
    assert admin_client.post(step, {**body, "enabled": "on"}).status_code == 302
    channel = AlertChannel.objects.get()
    assert (channel.tenant, channel.recipients, channel.rule_kinds, channel.enabled) == (
        tenant,
        ["ops@example.com", "b@example.com"],
        ["delivery_lag"],
        True,
    )


def test_secret_that_is_made_is_shown_once(admin_client: Client) -> None:
    body = {"name": "Pager", "url": "https://alerts.example.com/in/0123456789abcdef", "enabled": "on"}
    made = admin_client.post(f"{ADD}?kind=webhook", body)
    channel = AlertChannel.objects.get()
    secret = channel.secret.reveal()
    assert (secret in made.content.decode(), "no-store" in made["Cache-Control"]) == (True, True)
    page = admin_client.get(change(channel)).content.decode()
    assert (secret in page, "0123456789abcdef" in page) == (False, False)


def test_blank_secrets_keep_what_is_stored(admin_client: Client, tenant: Tenant) -> None:
    channel = webhook_channel("https://alerts.example.com/in", tenant)
    answer = admin_client.post(change(channel), {"name": "Renamed", "url": "", "secret": "", "enabled": "on"})
    assert answer.status_code == 302
    stored = AlertChannel.objects.get()
    assert (stored.name, stored.url.reveal()) == ("Renamed", "https://alerts.example.com/in")
    assert stored.secret.reveal() == channel.secret.reveal()


def test_wrong_address_is_said_at_its_field(admin_client: Client) -> None:
    answer = admin_client.post(f"{ADD}?kind=slack", {"name": "Slack", "url": "https://example.com/x", "enabled": "on"})
    assert b"which begins with https://hooks.slack.com/" in answer.content
    assert not AlertChannel.objects.exists()


@pytest.mark.parametrize(
    ("status", "said"),
    [(204, "The test got through."), (404, "The test did not get through. The endpoint answered 404.")],
)
def test_button_sends_a_test(status: int, said: str, admin_client: Client, tenant: Tenant, receiver: Receiver) -> None:
    receiver.answer("/in", status=status)
    channel = webhook_channel(receiver.url("/in"), tenant)
    address = reverse("admin:alerts_alertchannel_test", args=[channel.pk])
    assert admin_client.get(address).status_code == 405
    page = admin_client.post(address, follow=True).content.decode()
    assert (said in page, len(receiver.requests)) == (True, 1)


def test_failing_channel_is_seen(admin_client: Client, tenant: Tenant) -> None:
    channel = email_channel(tenant)
    AlertChannel.objects.update(last_error="The mail server did not take the mail (OSError).", failures=3)
    notice(channel, make_alert(tenant))
    listed = admin_client.get("/admin/alerts/alertchannel/").content.decode()
    assert ("failing" in listed, "1 notices" in listed) == (True, True)
    assert "did not take the mail" in admin_client.get(change(channel)).content.decode()


@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_auditors_see_no_address_and_send_no_test(role: str, tenant: Tenant, receiver: Receiver) -> None:
    channel = webhook_channel(receiver.url("/in-the-secret-path"), tenant)
    client = client_of(staff(role))
    page = client.get(change(channel)).content.decode()
    answer = client.post(reverse("admin:alerts_alertchannel_test", args=[channel.pk]))
    may: Any = role == "operator"
    assert ("Send a test" in page, answer.status_code, len(receiver.requests)) == (may, 302 if may else 403, int(may))
    assert "***" not in page or may


def test_deleting_names_the_channel_alone(admin_client: Client, tenant: Tenant) -> None:
    channel = email_channel(tenant)
    notice(channel, make_alert(tenant))
    address = reverse("admin:alerts_alertchannel_delete", args=[channel.pk])
    assert b"with what waits for it" in admin_client.get(address).content
    admin_client.post(address, {"post": "yes"})
    assert not AlertChannel.objects.exists()
