"""Sending invitations by mail: PostgreSQL remembers which are due, a worker sends them, one run beside another.

The worker makes the link's token: nobody else ever holds it, and what is stored is its hash. A mail that failed is tried
again with a new token, after 1, 2, 4, … minutes, until the invitation expires. A worker that dies between sending and
writing it down sends a second mail, whose link is then the one that works.
"""

from __future__ import annotations

import time
from datetime import timedelta
from smtplib import SMTPException
from typing import Final

import structlog
from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from integrations.invitation_tokens import hash_of, link_of, new_token
from integrations.isolation.scope import tenant_scope
from integrations.models import Invitation

logger = structlog.get_logger(__name__)

# Longer than a conversation with the slowest server takes: nobody else sends it meanwhile.
_LEASE: Final = timedelta(minutes=10)
_FIRST_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(hours=1)
_RUN_SECONDS: Final = 30
_LONGEST_NAME: Final = 100


def mail_is_configured() -> bool:
    """Whether the site can send mail: it has an SMTP server."""
    return bool(settings.EMAIL_HOST)


def send_invitation_mails(*, run_seconds: float = _RUN_SECONDS) -> int:
    """Send the mails that are due and return how many went out. May run beside itself.

    Begins none after `run_seconds`, so that a slow server does not hold the worker; the next run goes on.
    """
    ends_at = time.monotonic() + run_seconds
    sent = 0
    # A server that was taken out of the settings leaves mails behind; Django would print them, with their links.
    while mail_is_configured() and time.monotonic() < ends_at and (claimed := _claim()) is not None:
        invitation, token = claimed
        if _send(invitation, token):
            sent += 1
    return sent


def _claim() -> tuple[Invitation, str] | None:
    """Take the invitation that is due longest, with a new token, and keep other workers from it for the lease."""
    now = timezone.now()
    with transaction.atomic():
        due = Invitation.objects.open().filter(mail_due_at__lte=now, expires_at__gt=now, tenant__deleted_at=None)
        # As the owner: the worker looks across tenants. `of`: the tenant's row is not ours to lock.
        invitation = due.select_for_update(skip_locked=True, of=("self",)).order_by("mail_due_at").first()
        if invitation is None:
            return None
        token = new_token()
        invitation.token_hash = hash_of(token)
        invitation.mail_due_at = now + _LEASE
        invitation.save(update_fields=["token_hash", "mail_due_at"])
    return Invitation.objects.select_related("tenant", "invited_by").get(id=invitation.id), token


def _send(invitation: Invitation, token: str) -> bool:
    try:
        _message(invitation, token).send()
    except (SMTPException, OSError) as error:
        pause = min(_FIRST_PAUSE * 2 ** min(invitation.mail_failures, 10), _LONGEST_PAUSE)
        # Of the error its kind alone: what the server answers may repeat the address.
        logger.warning("invitation_mail_failed", invitation_id=str(invitation.id), reason=type(error).__name__)
        _note(invitation, mail_due_at=timezone.now() + pause, mail_failures=invitation.mail_failures + 1)
        return False
    _note(invitation, mail_due_at=None, sent_at=timezone.now())
    return True


def _note(invitation: Invitation, **outcome: object) -> None:
    """Write down what became of the mail, unless another link was asked for meanwhile."""
    with tenant_scope(invitation.tenant_id):
        Invitation.objects.filter(id=invitation.id, token_hash=invitation.token_hash).update(**outcome)


def _message(invitation: Invitation, token: str) -> EmailMessage:
    tenant = _one_line(invitation.tenant.name)
    # A person's own name only: that of an API key is free text, which must not reach strangers in our name.
    inviter = _one_line(invitation.invited_by.get_username()) if invitation.invited_by else ""
    context = {"tenant": tenant, "inviter": inviter, "role": invitation.get_role_display(), "link": link_of(token)}
    return EmailMessage(
        subject=f"Invitation to {tenant}",
        body=render_to_string("integrations/invitations/mail.txt", context),
        to=[invitation.email],
        headers={"Auto-Submitted": "auto-generated"},
    )


def _one_line(name: str) -> str:
    """Return a name that starts no line, and no header, of its own."""
    return " ".join(name.split())[:_LONGEST_NAME]
