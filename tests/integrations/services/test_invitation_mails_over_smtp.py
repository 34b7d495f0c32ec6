"""Invitations through a real SMTP conversation."""

from __future__ import annotations

from typing import Any

import pytest

from integrations.activity.actor import Actor
from integrations.models import Invitation, Role, Tenant
from integrations.services.accepting_invitations import open_invitation
from integrations.services.invitation_mails import send_invitation_mails
from integrations.services.invitations import invite_member
from integrations.services.member_authority import PLATFORM
from tests.smtp_server import SMTPServer


@pytest.fixture(autouse=True)
def invited(tenant: Tenant, admin_actor: Actor, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_USE_TLS, settings.EMAIL_TIMEOUT = "127.0.0.1", False, 5
    invite_member(actor=admin_actor, by=PLATFORM, tenant=tenant, email="grace@example.com", role=Role.ADMIN)


def test_mail_arrives_with_a_link_that_works(settings: Any) -> None:
    with SMTPServer() as server:
        settings.EMAIL_PORT = server.port
        assert send_invitation_mails() == 1
    [message] = server.messages
    assert (message["To"], message["Subject"]) == ("grace@example.com", "Invitation to Acme")
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_payload(decode=True).decode()
    token = next(line.rsplit("/", 1)[1] for line in body.splitlines() if "/invitations/" in line)
    assert open_invitation(token=token.strip()).invitation.email == "grace@example.com"


@pytest.mark.parametrize("how", ["refuses", "is_silent"])
def test_mail_that_is_not_taken_waits(how: str, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 0.2
    with SMTPServer(**{how: True}) as server:
        settings.EMAIL_PORT = server.port
        assert send_invitation_mails() == 0
    stored = Invitation.objects.get()
    assert (stored.mail_failures, stored.sent_at, stored.mail_due_at is None) == (1, None, False)


def test_server_that_is_away_costs_nothing_but_time(settings: Any) -> None:
    settings.EMAIL_PORT = 9
    assert send_invitation_mails() == 0
    assert Invitation.objects.get().mail_failures == 1
