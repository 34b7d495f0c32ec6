"""Mails of invitations: what stands in them, what is tried again, and that no token waits anywhere."""

from __future__ import annotations

import re
import smtplib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMessage
from django.db import connection

from integrations.activity.actor import Actor
from integrations.invitation_tokens import hash_of
from integrations.models import Invitation, Role, Tenant, User
from integrations.services import invitations
from integrations.services.invitation_mails import send_invitation_mails
from integrations.services.invitations import invite_member, resend_invitation, withdraw_invitation
from integrations.services.member_authority import PLATFORM

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LINK = re.compile(r"^http://127\.0\.0\.1:8000/invitations/(sb_invite_[\w-]{43})$", re.MULTILINE)


@pytest.fixture(autouse=True)
def smtp(settings: Any) -> None:
    """Have the site believe that it has a mail server; Django's test backend takes what it sends."""
    settings.EMAIL_HOST = "smtp.example.com"


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: EmailMessage, *args: Any, **kwargs: Any) -> int:
        raise smtplib.SMTPServerDisconnected("by grace@example.com")

    monkeypatch.setattr(EmailMessage, "send", refuse)


def invite(tenant: Tenant, actor: Actor, email: str = "grace@example.com") -> Invitation:
    return invite_member(actor=actor, by=PLATFORM, tenant=tenant, email=email, role=Role.ADMIN).invitation


def token_in(message: EmailMessage) -> str:
    found = LINK.search(str(message.body))
    assert found, message.body
    return found[1]


def test_mail_goes_to_the_address_once_with_the_link_that_works(
    tenant: Tenant, admin_actor: Actor, mailoutbox: list[EmailMessage]
) -> None:
    invite(tenant, admin_actor)
    assert (send_invitation_mails(), send_invitation_mails()) == (1, 0)
    [message] = mailoutbox
    assert message.to == ["grace@example.com"]
    assert message.subject == "Invitation to Acme"
    assert message.from_email == "signalbox@127.0.0.1"
    assert "ada invites you to Acme on Signalbox, as Admin." in message.body
    stored = Invitation.objects.get()
    assert stored.token_hash == hash_of(token_in(message))
    assert stored.sent_at is not None
    assert stored.mail_due_at is None


def test_names_start_no_line_of_their_own(tenant: Tenant, mailoutbox: list[EmailMessage]) -> None:
    Tenant.objects.update(name="Acme\r\nBcc: all@example.com")
    User.objects.update(username="ada\n\nhttps://evil.example")
    invite(tenant, Actor.of(User.objects.get()))
    send_invitation_mails()
    [message] = mailoutbox
    assert message.subject == "Invitation to Acme Bcc: all@example.com"
    assert str(message.body).splitlines()[0].startswith("ada https://evil.example invites you to Acme Bcc:")
    assert message.recipients() == ["grace@example.com"]


def test_name_of_a_key_reaches_no_stranger(tenant: Tenant, mailoutbox: list[EmailMessage]) -> None:
    invite(tenant, Actor.system("Win a prize at https://evil.example"))
    send_invitation_mails()
    assert "evil" not in str(mailoutbox[0].body)
    assert "You are invited to Acme" in str(mailoutbox[0].body)


def test_mail_is_asked_for_after_the_commit(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(invitations, "request_invitation_mails", lambda: asked.append(True))
    with django_capture_on_commit_callbacks(execute=True):
        invite(tenant, admin_actor)
        assert asked == []
    assert asked == [True]


def test_failed_mail_is_tried_again_with_growing_pauses(
    tenant: Tenant, admin_actor: Actor, refused: None, caplog: pytest.LogCaptureFixture
) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        invite(tenant, admin_actor)
        for failures, minutes in enumerate((1, 2, 4, 8, 16, 32, 60, 60), start=1):
            assert send_invitation_mails() == 0
            stored = Invitation.objects.get()
            assert (stored.mail_failures, stored.sent_at) == (failures, None)
            assert stored.mail_due_at == datetime.now(UTC) + timedelta(minutes=minutes)
            clock.shift(timedelta(minutes=minutes))
    assert "grace" not in caplog.text


def test_mail_of_an_ended_invitation_is_not_sent(
    tenant: Tenant, admin_actor: Actor, mailoutbox: list[EmailMessage]
) -> None:
    withdrawn = invite(tenant, admin_actor)
    withdraw_invitation(actor=admin_actor, by=PLATFORM, tenant=tenant, invitation_id=withdrawn.id)
    invite(tenant, admin_actor, "late@example.com")
    Invitation.objects.filter(email="late@example.com").update(expires_at=NOON)
    assert send_invitation_mails() == 0
    assert mailoutbox == []


def test_nothing_is_printed_when_the_mail_server_was_taken_out(
    tenant: Tenant, admin_actor: Actor, settings: Any, mailoutbox: list[EmailMessage]
) -> None:
    invite(tenant, admin_actor)
    settings.EMAIL_HOST = ""
    assert send_invitation_mails() == 0
    assert mailoutbox == []
    assert Invitation.objects.get().token_hash is None


def test_invitation_that_is_sent_again_gets_a_mail_with_another_link(
    tenant: Tenant, admin_actor: Actor, mailoutbox: list[EmailMessage]
) -> None:
    first = invite(tenant, admin_actor)
    send_invitation_mails()
    resend_invitation(actor=admin_actor, by=PLATFORM, tenant=tenant, invitation_id=first.id)
    assert Invitation.objects.get().token_hash is None  # the old link ends at once
    send_invitation_mails()
    old, new = (token_in(message) for message in mailoutbox)
    assert old != new
    assert Invitation.objects.get().token_hash == hash_of(new)


def test_outcome_of_an_older_link_is_not_written_down(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = invite(tenant, admin_actor)

    def overtaken(self: EmailMessage, *args: Any, **kwargs: Any) -> int:
        if not Invitation.objects.get().times_sent > 1:
            resend_invitation(actor=admin_actor, by=PLATFORM, tenant=tenant, invitation_id=invitation.id)
        return 1

    monkeypatch.setattr(EmailMessage, "send", overtaken)
    send_invitation_mails(run_seconds=0.001)
    stored = Invitation.objects.get()
    assert (stored.sent_at, stored.token_hash) == (None, None)
    assert stored.mail_due_at is not None


@pytest.mark.django_db(transaction=True)
def test_workers_beside_one_another_send_each_mail_once(
    tenant: Tenant, admin_actor: Actor, mailoutbox: list[EmailMessage]
) -> None:
    for number in range(8):
        invite(tenant, admin_actor, f"p{number}@example.com")

    def work(_: int) -> int:
        try:
            return send_invitation_mails()
        finally:
            connection.close()

    Invitation.objects.update(sent_at=None, mail_due_at=NOON, expires_at=datetime(2100, 1, 1, tzinfo=UTC))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 8
    assert sorted(message.to[0] for message in mailoutbox) == [f"p{number}@example.com" for number in range(8)]
