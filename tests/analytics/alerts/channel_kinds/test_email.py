"""Alerts by mail, through a real SMTP conversation."""

from __future__ import annotations

from typing import Any

import pytest

from analytics.alerts.models import AlertChannel
from analytics.alerts.services.sending import send_notices
from integrations.models import Tenant
from tests.analytics.alerts.alert_steps import email_channel, make_alert, notice
from tests.smtp_server import SMTPServer


@pytest.fixture(autouse=True)
def smtp(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = "127.0.0.1", False, 5


def test_mail_says_what_opened_and_whose_it_is(tenant: Tenant, settings: Any) -> None:
    channel = email_channel(recipients=["ops@example.com", "night@example.com"])
    notice(channel, make_alert(tenant, object_label="orders\r\nBcc: everybody@example.com"))
    with SMTPServer() as server:
        settings.EMAIL_PORT = server.port
        assert send_notices() == 1
    [message] = server.messages
    assert message["To"] == "ops@example.com, night@example.com"
    assert message["Bcc"] is None
    subject = " ".join(message["Subject"].split())
    assert subject == ("[Signalbox] 1 alert opened: Webhook disabled by Signalbox, orders Bcc: everybody@example.com")
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_payload(decode=True).decode()
    assert "of Acme. The webhook was disabled: the endpoint answered 410 Gone." in body
    assert settings.APP_URL in body


def test_mail_counts_what_it_does_not_name(tenant: Tenant, settings: Any) -> None:
    channel = email_channel(tenant)
    for _ in range(23):
        notice(channel, make_alert(tenant), "recovered")
    with SMTPServer() as server:
        settings.EMAIL_PORT = server.port
        assert send_notices() == 1
    [message] = server.messages
    assert message["Subject"] == "[Signalbox] 23 alerts recovered"
    body = message.get_payload(decode=True).decode()
    assert "and 3 more" in body
    assert "Acme" not in body


@pytest.mark.parametrize("how", ["refuses", "is_silent"])
def test_mail_that_is_not_taken_is_tried_again(how: str, tenant: Tenant, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 0.2
    channel = email_channel(tenant)
    notice(channel, make_alert(tenant))
    with SMTPServer(**{how: True}) as server:
        settings.EMAIL_PORT = server.port
        assert send_notices() == 0
    stored = AlertChannel.objects.get()
    assert (stored.failures, stored.last_error.startswith("The mail server did not take the mail")) == (1, True)
    assert "ops@example.com" not in stored.last_error


def test_site_without_a_mail_server_says_so(tenant: Tenant, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    notice(email_channel(tenant), make_alert(tenant))
    assert send_notices() == 0
    assert AlertChannel.objects.get().last_error == "This site has no mail server: set SMTP_HOST."
