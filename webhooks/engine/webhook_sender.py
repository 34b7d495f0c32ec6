"""The sender of webhooks: one signed POST for each attempt."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from analytics.recording import CallRecord, ErrorKind
from integrations.egress.client import Answer, GuardedClient, Timing, TransportError
from webhooks.engine.database import UuidArray, engine_cursor
from webhooks.engine.limits import FAULT_DELAY_SECONDS, KEY_NOT_AT_HAND_DELAY_SECONDS
from webhooks.engine.senders import Attempted, Claimed, Dropped, Job, Ledger, OnLostLease, Postponed, Withheld
from webhooks.engine.senders import Outcome as RowOutcome
from webhooks.engine.webhook_targets import Problem, State, Target, Targets
from webhooks.models import DisabledReason
from webhooks.policy import SCHEDULES, Outcome, Rules, decide, parse_retry_after
from webhooks.services.disabling import disable_by_engine
from webhooks.signing import sign

# The bounds let PostgreSQL leave out all other days' partitions, also where it keeps a plan for any values.
_CONTENTS: Final = """
    SELECT event.id, event.event_type, event.triggered_by, event.metadata, event.created_at, payload.body
    FROM webhooks_event AS event
    JOIN webhooks_payload AS payload ON payload.id = event.id
    WHERE event.id = ANY(%(ids)s::uuid[]) AND event.id BETWEEN %(lowest)s::uuid AND %(highest)s::uuid
        AND payload.id = ANY(%(ids)s::uuid[]) AND payload.id BETWEEN %(lowest)s::uuid AND %(highest)s::uuid
        AND payload.redaction NOT IN ('done', 'again')
"""


@dataclass(frozen=True, slots=True)
class Content:
    """What is sent, and what it is about. `body` is the exact text that was accepted."""

    event_type: str
    triggered_by: str
    metadata: Mapping[str, Any]
    created_at: datetime
    body: str


_NO_CONTENT: Final = Content("", "", {}, datetime.min.replace(tzinfo=UTC), "")


@dataclass(frozen=True, slots=True)
class WebhookJob:
    """A delivery that is ready to be sent; one with a `problem` fails without being sent."""

    claimed: Claimed
    target: Target
    content: Content
    body: bytes
    problem: Problem | None = None

    @property
    def places(self) -> int:
        return self.target.places

    @property
    def size(self) -> int:
        return 2 * len(self.body)

    @property
    def attempt(self) -> int:
        return self.claimed.attempt + 1

    @property
    def timeout_seconds(self) -> float:
        return (self.claimed.timeout_ms or self.target.timeout_ms) / 1000

    @property
    def rules(self) -> Rules:
        claimed = self.claimed
        return Rules(
            schedule=SCHEDULES[claimed.retry_schedule] if claimed.retry_schedule else self.target.schedule,
            max_retries=self.target.max_retries if claimed.max_retries is None else claimed.max_retries,
            retry_client_errors=self.target.retry_client_errors,
        )


class WebhookSender:
    """See `webhooks.engine.senders.Sender`. A webhook may be sent twice: its `webhook-id` stays the same."""

    on_lost_lease: OnLostLease = "resend"
    ledger: Ledger | None = None

    def __init__(self, client: GuardedClient | None = None) -> None:
        self._client = client or GuardedClient()
        self._targets = Targets()

    async def open(self) -> None:
        await self._client.__aenter__()

    async def close(self) -> None:
        await self._client.__aexit__()

    def prepare(self, rows: Sequence[Claimed]) -> list[Job | RowOutcome]:
        """Return a job for each row, or what becomes of it where the webhook is gone, disabled or cannot be read."""
        states = self._targets.look_up({row.target_id for row in rows})
        contents = _load_contents({row.event_id for row in rows})
        return [_prepared(row, states.get(row.target_id), contents.get(row.event_id)) for row in rows]

    async def send(self, job: Job) -> Attempted:
        """POST the payload and judge the answer."""
        assert isinstance(job, WebhookJob)  # noqa: S101  (what `prepare` made)
        started_at = datetime.now(UTC)
        if job.problem is not None or job.target.destination is None:
            problem = job.problem or Problem(ErrorKind.CONFIGURATION, "The webhook has no address.")
            return _failed(job, started_at, problem.kind, problem.message, Timing(), {})
        sent = request_headers(job, timestamp=int(time.time()))
        shown = {**sent, **job.target.shown_headers}
        try:
            answer = await self._client.post(
                job.target.destination,
                headers=sent,
                ready_headers=job.target.header_lines,
                body=job.body,
                timeout=job.timeout_seconds,
            )
        except TransportError as error:
            return _failed(job, started_at, ErrorKind(error.kind), error.message, error.timing, shown)
        return _answered(job, started_at, answer, shown)

    def interrupted(self, job: Job, *, started_at: datetime) -> Attempted:
        """Say that the engine stopped while this was on the wire."""
        assert isinstance(job, WebhookJob)  # noqa: S101  (what `prepare` made)
        elapsed = round((datetime.now(UTC) - started_at).total_seconds() * 1000)
        message = "Signalbox was stopped while it waited for the answer; the delivery is sent again."
        return _failed(job, started_at, ErrorKind.INTERRUPTED, message, Timing(total_ms=max(0, elapsed)), {})

    def follow_up(self, attempts: Sequence[Attempted], *, failing: Collection[UUID]) -> None:
        """Disable the webhooks whose endpoints answered 410 Gone, and those that are `failing`."""
        tenants = {attempt.claimed.target_id: attempt.claimed.tenant_id for attempt in attempts}
        gone = {attempt.claimed.target_id for attempt in attempts if attempt.decision.disables_webhook}
        for webhook_id in sorted(gone.union(failing) & tenants.keys()):
            reason = DisabledReason.GONE if webhook_id in gone else DisabledReason.FAILING
            disable_by_engine(tenant_id=tenants[webhook_id], webhook_id=webhook_id, reason=reason)


def _load_contents(event_ids: Collection[UUID]) -> dict[UUID, Content]:
    with engine_cursor() as cursor:
        cursor.execute(_CONTENTS, {"ids": UuidArray.of(event_ids), "lowest": min(event_ids), "highest": max(event_ids)})
        return {
            row[0]: Content(row[1], row[2], json.loads(row[3]) if isinstance(row[3], str) else row[3], row[4], row[5])
            for row in cursor.fetchall()
        }


def _prepared(row: Claimed, state: State | None, content: Content | None) -> Job | RowOutcome:
    if state is None:
        return Dropped(row)
    if not state.is_tenant_active:
        return Postponed(row)  # claims pass inactive tenants by
    if not state.is_active:
        return Withheld(row)
    if state.target is None:
        return Postponed(row, FAULT_DELAY_SECONDS if state.has_fault else KEY_NOT_AT_HAND_DELAY_SECONDS)
    if content is None:
        problem = Problem(ErrorKind.CONFIGURATION, "The payload is not stored any more, or was redacted.")
        return WebhookJob(row, state.target, _NO_CONTENT, b"", problem)
    return WebhookJob(row, state.target, content, body_of(state.target, content), state.target.problem)


def body_of(target: Target, content: Content) -> bytes:
    """Return what is sent: the payload itself, or in its envelope, as the webhook wants it."""
    if not target.is_enveloped:
        return content.body.encode()
    # The payload is put in as the text it is, so that its own bytes are kept.
    event_type, timestamp = json.dumps(content.event_type), json.dumps(content.created_at.isoformat())
    return f'{{"type":{event_type},"timestamp":{timestamp},"data":{content.body}}}'.encode()


def request_headers(job: WebhookJob, *, timestamp: int) -> dict[str, str]:
    """Return the headers that are this attempt's own. (A signature is no credential: it proves one message.)"""
    message_id = str(job.claimed.delivery_id)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            keys=job.target.signing_keys, message_id=message_id, timestamp=timestamp, body=job.body
        ),
        "X-Signalbox-Event-Id": str(job.claimed.event_id),
        "X-Signalbox-Attempt": str(job.attempt),
    }
    if job.content.event_type:
        headers["X-Signalbox-Event-Type"] = job.content.event_type
    return headers


def _answered(job: WebhookJob, started_at: datetime, answer: Answer, shown: Mapping[str, str]) -> Attempted:
    asked = answer.header("Retry-After")
    outcome = Outcome(answer.status, retry_after=parse_retry_after(asked, now=datetime.now(UTC)) if asked else None)
    redactor = job.target.redactor
    return _attempted(
        job,
        started_at,
        outcome,
        answer.timing,
        shown,
        error_message="" if outcome.is_success else _status_message(answer.status),
        response_body=redactor.stored_body(answer.body, answer.header("Content-Type")),
    )


def _failed(
    job: WebhookJob, started_at: datetime, kind: ErrorKind, message: str, timing: Timing, shown: Mapping[str, str]
) -> Attempted:
    message = job.target.redactor.stored_message(message)
    return _attempted(job, started_at, Outcome(error=kind.value), timing, shown, error_message=message)


def _attempted(
    job: WebhookJob,
    started_at: datetime,
    outcome: Outcome,
    timing: Timing,
    shown: Mapping[str, str],
    *,
    error_message: str,
    response_body: str = "",
) -> Attempted:
    decision = decide(outcome, attempt=job.attempt, rules=job.rules, chance=random.random())  # noqa: S311  (jitter)
    claimed, content = job.claimed, job.content
    call = CallRecord(
        tenant_id=claimed.tenant_id,
        target_kind=claimed.target_kind,
        target_id=claimed.target_id,
        workflow_name=job.target.workflow_name,
        delivery_id=claimed.delivery_id,
        event_id=claimed.event_id,
        event_type=content.event_type,
        run=claimed.run,
        attempt=job.attempt,
        is_final=decision.is_final,
        triggered_by=content.triggered_by,
        request_headers=shown,
        status_code=outcome.status,
        response_body=response_body,
        response_time_ms=timing.total_ms,
        dns_ms=timing.dns_ms,
        connect_ms=timing.connect_ms,
        tls_ms=timing.tls_ms,
        first_byte_ms=timing.first_byte_ms,
        success=outcome.is_success,
        error_kind="" if outcome.is_success else outcome.error or ErrorKind.STATUS.value,
        error_message=error_message,
        metadata=content.metadata,
        timestamp=started_at,
    )
    return Attempted(claimed, call, decision)


def _status_message(status: int) -> str:
    try:
        phrase = f" {HTTPStatus(status).phrase}"
    except ValueError:
        phrase = ""
    hint = "; redirects are not followed" if 300 <= status <= 399 else ""
    return f"The endpoint answered {status}{phrase}{hint}."
