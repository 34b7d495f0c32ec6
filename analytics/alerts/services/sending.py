"""Sending what the outbox holds: PostgreSQL remembers, workers send, one beside another.

What waits for a channel becomes one message. A channel that fails is tried again after 5 s, 30 s, 2, 10, 30 minutes
and then every hour; a message that is older than four hours is given up. A worker that dies between sending and
writing it down sends the message again, with the same id. Channels in order come first: one that hangs delays the
others once, when it is found out.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from analytics.alerts.channel_kinds.base import MOST_SHOWN, ChannelError, Message
from analytics.alerts.channel_kinds.registry import get_channel_kind
from analytics.alerts.models import AlertChannel, AlertNotice, NoticeState
from analytics.alerts.ownership import owner_scope
from integrations.encryption.errors import EncryptionError
from integrations.ids import uuid7

logger = structlog.get_logger(__name__)

GIVE_UP_AFTER: Final = timedelta(hours=4)
# Longer than any kind takes to send one message: nobody else sends it meanwhile.
LEASE: Final = timedelta(minutes=5)
PAUSES: Final = (*(timedelta(seconds=n) for n in (5, 30)), *(timedelta(minutes=n) for n in (2, 10, 30, 60)))
MOST_IN_A_MESSAGE: Final = 5_000
_RUN_SECONDS: Final = 20


def send_notices(*, run_seconds: float = _RUN_SECONDS) -> int:
    """Send the messages that are due, and return how many got through. May run beside itself.

    Begins none after `run_seconds`; the next run goes on.
    """
    ends_at = time.monotonic() + run_seconds
    sent = 0
    while time.monotonic() < ends_at and (claimed := _claim()) is not None:
        sent += _send(*claimed)
    return sent


def pause_after(failures: int) -> timedelta:
    """Return for how long a channel rests after its n-th failure in a row."""
    return PAUSES[min(failures, len(PAUSES)) - 1]


def send_test(channel: AlertChannel) -> str | None:
    """Send a test at once, outside of any transaction; return why it did not get through, None if it did.

    One that gets through ends the channel's pause, so that what waits is sent now.
    """
    now = timezone.now()
    problem = _problem_of(channel, Message(id=uuid7(), event="test", made_at=now, alerts=[], total=0, is_test=True))
    with owner_scope(channel.tenant_id):
        row = AlertChannel.objects.filter(id=channel.id)
        if problem is None:
            row.update(failures=0, last_error="", last_sent_at=now, retry_at=None)
        else:
            row.update(last_error=problem, last_failed_at=now)
    return problem


def _claim() -> tuple[AlertChannel, Message] | None:
    """Take a channel that has something waiting, put that into one message, and keep other workers off for the lease."""
    now = timezone.now()
    with transaction.atomic():
        # As the owner: the worker looks across tenants. `of`: the tenant's row is not ours to lock.
        waiting = AlertNotice.objects.filter(channel_id=OuterRef("id"), state=NoticeState.WAITING)
        free = Q(leased_until=None) | Q(leased_until__lte=now)
        due = Q(retry_at=None) | Q(retry_at__lte=now)
        not_gone = Q(tenant_id=None) | Q(tenant__deleted_at=None)
        channels = AlertChannel.objects.filter(free, due, not_gone, Exists(waiting), enabled=True)
        channels = channels.select_for_update(skip_locked=True, no_key=True, of=("self",))
        channel = channels.order_by("failures", "last_sent_at", "id").first()
        if channel is None:
            return None
        AlertChannel.objects.filter(id=channel.id).update(leased_until=now + LEASE)
        return channel, _message_of(channel, now)


def _message_of(channel: AlertChannel, now: datetime) -> Message:
    """Return the message that was tried before, or a new one of everything that waits and tells the same event.

    Of an alert that opened and recovered meanwhile the recovery waits for its turn: told the other way round, the
    alert would seem to be open.
    """
    waiting = AlertNotice.objects.filter(channel_id=channel.id, state=NoticeState.WAITING).order_by("id")
    rows = list(waiting.values_list("id", "alert_id", "event", "message_id")[:MOST_IN_A_MESSAGE])
    _, _, event, message_id = next((row for row in rows if row[3] is not None), rows[0])
    if message_id is None:
        message_id = uuid7()
        later: set[UUID] = set()
        taken = []
        for notice_id, alert_id, its_event, _ in rows:
            if its_event == event and alert_id not in later:
                taken.append(notice_id)
            else:
                later.add(alert_id)
        AlertNotice.objects.filter(id__in=taken).update(message_id=message_id)
    of_message = waiting.filter(message_id=message_id)
    first = list(of_message.values_list("shown", "created_at")[:MOST_SHOWN])
    return Message(
        id=message_id,
        event=event,
        made_at=first[0][1],
        alerts=[shown for shown, _ in first],
        total=of_message.count(),
    )


def _send(channel: AlertChannel, message: Message) -> bool:
    problem = _problem_of(channel, message)
    now = timezone.now()
    with owner_scope(channel.tenant_id):
        row = AlertChannel.objects.filter(id=channel.id)
        notices = AlertNotice.objects.filter(channel_id=channel.id, message_id=message.id, state=NoticeState.WAITING)
        if problem is None:
            notices.update(state=NoticeState.SENT, ended_at=now)
            row.update(failures=0, last_error="", last_sent_at=now, retry_at=None, leased_until=None)
            return True
        failures = channel.failures + 1
        row.update(
            failures=failures,
            last_error=problem,
            last_failed_at=now,
            retry_at=now + pause_after(failures),
            leased_until=None,
        )
        if now - message.made_at >= GIVE_UP_AFTER:
            notices.update(state=NoticeState.GIVEN_UP, ended_at=now)
    logger.warning("alert_not_sent", channel_id=str(channel.id), kind=channel.kind, reason=problem, failures=failures)
    return False


def _problem_of(channel: AlertChannel, message: Message) -> str | None:
    try:
        get_channel_kind(channel.kind).send(channel, message)
    except ChannelError as error:
        return str(error)[:300]
    except EncryptionError as error:
        # Its text names the place of the secret, not the secret.
        logger.exception("alert_channel_unreadable", channel_id=str(channel.id), reason=str(error))
        return "The channel's secret cannot be read: enter it again."
    except Exception as error:  # a mistake in one kind must not stop the channels behind it
        logger.exception("alert_channel_broken", channel_id=str(channel.id))
        return f"The message could not be sent ({type(error).__name__}); see the log."
    return None
