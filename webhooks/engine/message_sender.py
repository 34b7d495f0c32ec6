"""The sender of messages: one POST to a provider for each attempt, and never a second one of which it is not certain
that the first led to nothing.

What a message is, its request and what answers mean is `integrations.messaging`'s; here is how the engine goes about it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

import structlog

from analytics.recording import CallRecord, ErrorKind
from integrations.egress.client import Answer, FailureKind, GuardedClient, Timing, TransportError
from integrations.encryption.masking import HIDDEN
from integrations.errors import ServiceError
from integrations.messaging import attempts
from integrations.messaging.attempts import Report
from integrations.messaging.loading import InDoubt, Loaded, Over, Ready, Unsendable, Waiting, load
from integrations.messaging.services.announcing import announce
from integrations.providers.answers import Answer as ProviderAnswer
from integrations.providers.messaging import Judgement, MessageRequest, MessageState, Verdict
from integrations.providers.outcome import Result
from integrations.services.integration_health import note_traffic
from webhooks.engine.database import DATABASE_ERRORS, DatabaseThread
from webhooks.engine.senders import Attempted, Claimed, Doubtful, Dropped, Ended, Job, Ledger, OnLostLease, Postponed
from webhooks.engine.senders import Outcome as RowOutcome
from webhooks.policy import SCHEDULES, Decision, Next, Outcome, Rules, decide

logger = structlog.get_logger(__name__)

PLACES: Final = 16
TIMEOUT_SECONDS: Final = 30.0
MAX_BODY: Final = 4_000
MAX_WORDS: Final = 500
_GATE_FAULT_SECONDS: Final = 5.0
_TOO_MANY: Final = HTTPStatus.TOO_MANY_REQUESTS
# Headers that say how something was sent, and never with what credentials.
_SHOWN_HEADERS: Final = frozenset({"content-type", "accept", "user-agent"})
_ENDS: Final = {
    MessageState.SENT: Next.SUCCEEDED,
    MessageState.DELIVERED: Next.SUCCEEDED,
    MessageState.READ: Next.SUCCEEDED,
    MessageState.FAILED: Next.FAILED,
    MessageState.UNKNOWN: Next.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class AttemptedMessage(Attempted):
    """An attempt, and what it means for its message; of the integration's credentials of which version, if it has any."""

    report: Report
    credential_version: int | None = None


@dataclass(frozen=True, slots=True)
class GivenUp(Postponed):
    """An attempt that ended before its first byte, after its message had been marked."""

    report: Report = field(kw_only=True)


@dataclass(slots=True)
class MessageJob:
    """A message on its way. `number` is set once it is marked; `timing` tells how far its request came."""

    claimed: Claimed
    loaded: Ready | Unsendable
    number: int | None = None
    timing: Timing = field(default_factory=Timing)
    shown: Mapping[str, str] = field(default_factory=dict)

    @property
    def places(self) -> int:
        return PLACES

    @property
    def size(self) -> int:
        return 2 * len(self.loaded.message.text) + 4_096 if isinstance(self.loaded, Ready) else 256

    @property
    def provider(self) -> str:
        return self.loaded.provider.key if isinstance(self.loaded, Ready) else self.loaded.provider


class MessageLedger:
    """Takes what the engine records to the messages."""

    def record(self, outcomes: Sequence[RowOutcome]) -> None:
        reports = [outcome.report for outcome in outcomes if isinstance(outcome, AttemptedMessage | GivenUp)]
        if reports:
            attempts.record(reports)

    def park(self, delivery_ids: Collection[UUID]) -> set[UUID]:
        return attempts.park(delivery_ids)

    def recorded(self, outcomes: Sequence[RowOutcome]) -> None:
        """Tell tenants what became of their messages; what fails here the sweep does."""
        changed: dict[UUID, set[UUID]] = {}
        for outcome in outcomes:
            if isinstance(outcome, AttemptedMessage | GivenUp | Doubtful):
                changed.setdefault(outcome.claimed.tenant_id, set()).add(outcome.claimed.delivery_id)
        for tenant_id, message_ids in sorted(changed.items()):
            try:
                announce(tenant_id, message_ids)
            except ServiceError as error:
                logger.warning("messages_not_announced", tenant_id=str(tenant_id), reason=error.detail)
        _note_traffic([outcome for outcome in outcomes if isinstance(outcome, AttemptedMessage)])


def _note_traffic(attempts: Sequence[AttemptedMessage]) -> None:
    """Let what providers made of the credentials bring connection tests forward; of several answers the last counts."""
    seen: dict[tuple[UUID, UUID, int], Result] = {}
    for attempt in attempts:
        judgement, claimed = attempt.report.judgement, attempt.claimed
        if attempt.credential_version is None or judgement is None:
            continue
        if judgement.verdict is Verdict.SENT:
            seen[claimed.tenant_id, claimed.target_id, attempt.credential_version] = Result.OK
        elif attempt.call.status_code == HTTPStatus.UNAUTHORIZED:
            seen[claimed.tenant_id, claimed.target_id, attempt.credential_version] = Result.BAD_CREDENTIALS
    for (tenant_id, integration_id, version), result in sorted(seen.items()):
        note_traffic(tenant_id=tenant_id, integration_id=integration_id, credential_version=version, result=result)


class MessageSender:
    """See `webhooks.engine.senders.Sender`. No provider takes an idempotency key: what may have been sent is parked."""

    on_lost_lease: OnLostLease = "park"
    ledger: Ledger | None = MessageLedger()

    def __init__(self, client: GuardedClient | None = None) -> None:
        self._client = client or GuardedClient()
        self._marks: DatabaseThread

    async def open(self) -> None:
        self._marks = DatabaseThread("engine-messages")
        await self._client.__aenter__()

    async def close(self) -> None:
        await self._client.__aexit__()
        await self._marks.close()

    def prepare(self, rows: Sequence[Claimed]) -> list[Job | RowOutcome]:
        """Return a job for each row, or what becomes of it where its message is gone, over, in doubt or not yet due."""
        loaded = load([row.delivery_id for row in rows])
        return [_prepared(row, loaded.get(row.delivery_id)) for row in rows]

    async def send(self, job: Job) -> RowOutcome:
        """Mark the message, POST it, and judge the answer."""
        assert isinstance(job, MessageJob)  # noqa: S101  (what `prepare` made)
        started_at = datetime.now(UTC)
        if isinstance(job.loaded, Unsendable):
            return _refused(job, started_at, job.loaded.reason)
        try:
            request = job.loaded.request()
        except Exception:
            logger.exception("message_request_not_built", message_id=str(job.claimed.delivery_id))
            return _refused(job, started_at, "The request could not be built: this is a fault of Signalbox.")
        job.shown = _shown(request)
        try:
            job.number = await self._mark(job)
        except DATABASE_ERRORS as error:
            # Whether the mark was set is unknown, and what is marked is not sent: at worst it is parked for nothing.
            logger.warning("message_not_marked", message_id=str(job.claimed.delivery_id), reason=str(error))
            return Postponed(job.claimed, _GATE_FAULT_SECONDS)
        if job.number is None:
            return Doubtful(job.claimed)  # somebody else sends it, or did
        return await self._post(job, job.loaded, request, started_at)

    async def _mark(self, job: MessageJob) -> int | None:
        """Set the mark, to the end: a thread cannot be cancelled, and what it sets later would be nobody's."""
        marking = asyncio.ensure_future(self._marks.run(attempts.begin, job.claimed.delivery_id))
        try:
            return await asyncio.shield(marking)
        except asyncio.CancelledError:
            await asyncio.wait([marking])
            if not marking.cancelled() and marking.exception() is None:
                job.number = marking.result()
            raise

    async def _post(self, job: MessageJob, ready: Ready, request: MessageRequest, started_at: datetime) -> RowOutcome:
        try:
            answer = await self._client.post(
                request.url,
                headers=request.headers,
                body=request.body,
                timeout=(job.claimed.timeout_ms or TIMEOUT_SECONDS * 1000) / 1000,
                once=True,
                timing=job.timing,
            )
        except TransportError as error:
            return _without_answer(job, ready, started_at, error)
        try:
            judgement = ready.messaging.judge(_provider_answer(ready, answer))
        except Exception:
            logger.exception("message_answer_not_judged", message_id=str(job.claimed.delivery_id))
            judgement = Judgement(verdict=Verdict.UNKNOWN, message="The provider's answer could not be understood.")
        body = "" if judgement.verdict is Verdict.SENT else answer.body.decode("utf-8", "replace")
        return _attempted(
            job,
            started_at,
            _scrubbed(ready, judgement),
            status=answer.status,
            # Of what was taken, the message has all that matters; the rest repeats what it said.
            response_body=ready.scrubber.text(body, max_length=MAX_BODY),
        )

    def interrupted(self, job: Job, *, started_at: datetime) -> RowOutcome:
        """Say that the engine stopped: what was not on the wire yet is sent later, the rest is parked."""
        assert isinstance(job, MessageJob)  # noqa: S101  (what `prepare` made)
        if job.number is None:
            return Postponed(job.claimed)
        if not job.timing.was_written:
            report = Report(job.claimed.delivery_id, job.number, started_at, is_over=False)
            return GivenUp(job.claimed, report=report)
        elapsed = round((datetime.now(UTC) - started_at).total_seconds() * 1000)
        job.timing.total_ms = max(0, elapsed)
        judgement = Judgement(verdict=Verdict.UNKNOWN, message=attempts.CUT_OFF)
        return _attempted(job, started_at, judgement, error=ErrorKind.INTERRUPTED)

    def follow_up(self, attempts: Sequence[Attempted], *, failing: Collection[UUID]) -> None:
        """Do nothing: no answer of a provider says anything of other messages."""


def _prepared(row: Claimed, loaded: Loaded | None) -> Job | RowOutcome:
    match loaded:
        case None:
            return Dropped(row)
        case Over(state):
            return Ended(row, _ENDS[state])
        case InDoubt():
            return Doubtful(row)
        case Waiting(seconds):
            return Postponed(row, seconds)
        case Ready() | Unsendable():
            return MessageJob(row, loaded)


def _shown(request: MessageRequest) -> dict[str, str]:
    return {name: value if name.lower() in _SHOWN_HEADERS else HIDDEN for name, value in request.headers.items()}


def _provider_answer(ready: Ready, answer: Answer) -> ProviderAnswer:
    return ProviderAnswer(label=ready.provider.label, status=answer.status, headers=answer.headers, body=answer.body)


def _scrubbed(ready: Ready, judgement: Judgement) -> Judgement:
    return replace(
        judgement,
        code=ready.scrubber.text(judgement.code, max_length=MAX_WORDS),
        message=ready.scrubber.text(judgement.message, max_length=MAX_WORDS),
    )


def _refused(job: MessageJob, started_at: datetime, reason: str) -> AttemptedMessage:
    judgement = Judgement(verdict=Verdict.REFUSED, message=reason)
    return _attempted(job, started_at, judgement, error=ErrorKind.CONFIGURATION)


def _without_answer(job: MessageJob, ready: Ready, started_at: datetime, error: TransportError) -> AttemptedMessage:
    """Before the first byte nobody can have got it; after that nobody can say."""
    if error.timing.was_written:
        verdict = Verdict.UNKNOWN
    elif error.kind is FailureKind.PROTOCOL:
        verdict = Verdict.REFUSED  # a header that cannot be sent
    else:
        verdict = Verdict.RETRY
    judgement = _scrubbed(ready, Judgement(verdict=verdict, message=error.message))
    return _attempted(job, started_at, judgement, error=ErrorKind(error.kind))


def _attempted(
    job: MessageJob,
    started_at: datetime,
    judgement: Judgement,
    *,
    status: int | None = None,
    error: ErrorKind | None = None,
    response_body: str = "",
) -> AttemptedMessage:
    claimed, loaded, timing = job.claimed, job.loaded, job.timing
    decision = _decision(job, judgement)
    is_sent = judgement.verdict is Verdict.SENT
    call = CallRecord(
        tenant_id=claimed.tenant_id,
        target_kind=claimed.target_kind,
        target_id=claimed.target_id,
        workflow_name=job.provider,
        delivery_id=claimed.delivery_id,
        event_id=claimed.event_id,
        run=claimed.run,
        attempt=claimed.attempt + 1,
        is_final=decision.is_final,
        triggered_by=loaded.triggered_by,
        request_headers=job.shown,
        status_code=status,
        response_body=response_body,
        response_time_ms=timing.total_ms,
        dns_ms=timing.dns_ms,
        connect_ms=timing.connect_ms,
        tls_ms=timing.tls_ms,
        first_byte_ms=timing.first_byte_ms,
        success=is_sent,
        error_kind="" if is_sent else (error or ErrorKind.STATUS).value,
        error_message="" if is_sent else judgement.message[:MAX_WORDS],
        metadata=loaded.metadata,
        timestamp=started_at,
    )
    report = Report(claimed.delivery_id, job.number, started_at, judgement, is_over=decision.is_final)
    version = loaded.credential_version if isinstance(loaded, Ready) else None
    return AttemptedMessage(claimed, call, decision, report, version)


def _decision(job: MessageJob, judgement: Judgement) -> Decision:
    match judgement.verdict:
        case Verdict.SENT:
            return Decision(Next.SUCCEEDED)
        case Verdict.REFUSED:
            return Decision(Next.FAILED)
        case Verdict.UNKNOWN:
            return Decision(Next.UNKNOWN)
        case Verdict.RETRY:
            claimed = job.claimed
            rules = Rules(SCHEDULES[claimed.retry_schedule or "durable"], claimed.max_retries)
            # Whatever the provider said in its own way, it is what 429 says, with or without a time.
            outcome = Outcome(_TOO_MANY, retry_after=judgement.retry_after)
            return decide(outcome, attempt=claimed.attempt + 1, rules=rules, chance=random.random())  # noqa: S311
