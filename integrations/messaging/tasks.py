"""What workers do for messages besides sending them."""

from __future__ import annotations

from celery import shared_task

from integrations.messaging.services.announcing import announce_owed
from integrations.messaging.services.retention import forget_messages


@shared_task(name="messaging.announce")
def announce() -> None:
    """Publish the events that are still owed for messages; scheduled every few seconds."""
    announce_owed()


@shared_task(name="messaging.forget")
def forget() -> None:
    """Remove what messages said, and old messages, when their days are over; scheduled every day."""
    forget_messages()
