"""Reaching this room's tasks by name, so that services need not import them."""

from __future__ import annotations

import threading

import structlog
from celery import current_app
from kombu.exceptions import OperationalError

logger = structlog.get_logger(__name__)


def request_sweep() -> None:
    """Ask a worker to sweep deleted tenants now instead of within the minute.

    Returns at once and never fails: sending takes long while Redis is away, and the schedule sweeps anyway.
    """
    threading.Thread(target=_send, args=("integrations.sweep_deleted_tenants",), daemon=True).start()


def request_invitation_mails() -> None:
    """Ask a worker to send the mails of new invitations now; like `request_sweep`, a hint that may be lost."""
    threading.Thread(target=_send, args=("integrations.send_invitation_mails",), daemon=True).start()


def _send(task: str) -> None:
    try:
        current_app.send_task(task, retry=False, expires=60)
    except OperationalError as error:
        logger.warning("hint_not_sent", task=task, reason=str(error))
