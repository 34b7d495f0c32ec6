"""E-mail through the site's SMTP server."""

from __future__ import annotations

from smtplib import SMTPException
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.core.mail import EmailMessage

from analytics.alerts.channel_kinds.base import ChannelError, ChannelKind, Message, line_of

if TYPE_CHECKING:
    from analytics.alerts.models import AlertChannel


class Email(ChannelKind):
    key: ClassVar = "email"
    label: ClassVar = "E-mail"
    takes_recipients: ClassVar = True

    def send(self, channel: AlertChannel, message: Message) -> None:
        """Send one mail to all recipients."""
        if not settings.EMAIL_HOST:
            raise ChannelError("This site has no mail server: set SMTP_HOST.")
        mail = EmailMessage(
            subject=" ".join(f"[Signalbox] {message.title}".split())[:200],
            body=_body(message),
            to=channel.recipients,
            headers={"Auto-Submitted": "auto-generated", "Message-ID": f"<{message.id}@signalbox.invalid>"},
        )
        try:
            mail.send()
        except (SMTPException, OSError) as error:
            # Of the error its kind alone: what the server answers may repeat an address.
            raise ChannelError(f"The mail server did not take the mail ({type(error).__name__}).") from None


def _body(message: Message) -> str:
    if message.is_test:
        return "This is a test: alerts of this channel arrive here.\n"
    lines = [f"- {line_of(alert)}" for alert in message.alerts]
    if message.left_out:
        lines.append(f"- and {message.left_out} more")
    return "\n".join([f"{message.title}.", "", *lines, "", settings.APP_URL, ""])
