"""What attempts do to messages: the mark that is set before the bytes go out, and what their outcomes mean.

The mark is what keeps a message from being sent twice, whatever happens to engines and their leases: it is set by one
guarded statement, committed before the first byte, and cleared only by whoever knows that the bytes led to nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils import timezone

from integrations.messaging.life import MAX_CODE, MAX_ERROR, advance, doubt, note_provider, storable
from integrations.messaging.models import Message
from integrations.messaging.rows import locked_by_id, store
from integrations.providers.messaging import Judgement, MessageState, Verdict

_BEGIN: Final = """
    UPDATE messaging_message
    SET sending_since = now(), attempts = attempts + 1, slot_at = NULL, updated_at = now()
    WHERE id = %s AND state = 'accepted' AND sending_since IS NULL
    RETURNING attempts
"""
CUT_OFF: Final = "The attempt was cut off before there was an answer: whether it was sent is unknown."


@dataclass(frozen=True, slots=True)
class Report:
    """What an attempt came to.

    `number` is the one that `begin` gave, None where it was not asked: then nothing was sent. `is_over` says that it is
    not tried again. Without a judgement the attempt was given up before its first byte.
    """

    message_id: UUID
    number: int | None
    at: datetime
    judgement: Judgement | None = None
    is_over: bool = True


def begin(message_id: UUID) -> int | None:
    """Set the mark and return the number of the attempt; None if somebody else sends or sent it: then nobody may.

    In a transaction of its own, which has committed when this returns.
    """
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, [message_id])
        row = cursor.fetchone()
    return row[0] if row else None


def record(reports: Sequence[Report]) -> None:
    """Write what attempts came to, within the engine's transaction; a report of an attempt before the last says nothing.

    Reports count whoever has the lease now: what was sent was sent.
    """
    by_id = {message.id: message for message in locked_by_id({report.message_id for report in reports})}
    for report in reports:
        if message := by_id.get(report.message_id):
            _apply(message, report)
    store(list(by_id.values()))


def park(message_ids: Collection[UUID]) -> set[UUID]:
    """Mark as unknown what may have been sent of these, whose engine died or lost count, and return their ids."""
    now = timezone.now()
    in_doubt = [message for message in locked_by_id(message_ids) if message.sending_since is not None]
    parked = [message for message in in_doubt if doubt(message, at=now, words=CUT_OFF)]
    store(parked)
    return {message.id for message in parked}


def _apply(message: Message, report: Report) -> None:
    judgement = report.judgement
    if report.number is None:
        # Nothing was sent; it counts unless somebody else sends it, or did.
        if judgement is not None and message.state == MessageState.ACCEPTED and message.sending_since is None:
            _refuse(message, report, judgement)
        return
    if report.number != message.attempts:
        return
    if judgement is None:
        _clear(message, report, Judgement(verdict=Verdict.RETRY, message="It was not sent."))
    elif judgement.verdict is Verdict.SENT:
        message.sending_since = None
        note_provider(
            message,
            provider_message_id=judgement.provider_message_id,
            cost=judgement.cost,
            currency=judgement.currency,
        )
        if not advance(message, MessageState.SENT, at=report.at) and message.sent_at is None:
            message.sent_at = report.at
    elif judgement.verdict is Verdict.UNKNOWN:
        note_provider(message, provider_message_id=judgement.provider_message_id)
        doubt(message, at=timezone.now(), code=judgement.code, words=judgement.message)
    else:
        _clear(message, report, judgement)


def _clear(message: Message, report: Report, judgement: Judgement) -> None:
    """It was certainly not sent. One that was taken out of the queue meanwhile has nobody to try it again."""
    message.sending_since = None
    if report.is_over or message.state == MessageState.UNKNOWN:
        _refuse(message, report, judgement)
    elif message.state == MessageState.ACCEPTED and report.judgement is not None:
        message.error_code = storable(judgement.code, MAX_CODE)
        message.error_message = storable(judgement.message, MAX_ERROR)


def _refuse(message: Message, report: Report, judgement: Judgement) -> None:
    if message.state in {MessageState.ACCEPTED, MessageState.UNKNOWN}:
        advance(message, MessageState.FAILED, at=report.at, code=judgement.code, words=judgement.message)
