"""What the engine and its senders say to each other.

The engine claims rows, keeps places, and records; how a row of one `target_kind` is sent is its sender's business.
`settings.DELIVERY_SENDERS` names a sender class for each kind.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string

from analytics.recording import CallRecord
from webhooks.policy import Decision, Next

OnLostLease = Literal["resend", "park"]


class Claimed(NamedTuple):
    """A leased row of `due`. `attempt` counts the attempts made before, in this run."""

    delivery_id: UUID
    tenant_id: UUID
    target_kind: str
    target_id: UUID
    event_id: UUID
    attempt: int
    run: int
    max_retries: int | None
    timeout_ms: int | None
    retry_schedule: str


class Job(Protocol):
    """A row that is ready to be sent. `places` is how many of its target may be on the wire at once, everywhere."""

    @property
    def claimed(self) -> Claimed: ...
    @property
    def places(self) -> int: ...
    @property
    def size(self) -> int:
        """Bytes it keeps in memory while it waits."""


@dataclass(frozen=True, slots=True)
class Attempted:
    """One attempt was made, and what follows from it."""

    claimed: Claimed
    call: CallRecord
    decision: Decision


@dataclass(frozen=True, slots=True)
class Postponed:
    """No attempt was made: the lease is given back, to be claimed again after `delay` seconds."""

    claimed: Claimed
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Withheld:
    """The target is disabled: the delivery leaves the queue as `held`."""

    claimed: Claimed


@dataclass(frozen=True, slots=True)
class Dropped:
    """The target does not exist any more: the delivery is cancelled."""

    claimed: Claimed


@dataclass(frozen=True, slots=True)
class Ended:
    """No attempt was made, and none has to be: the delivery leaves the queue in this state."""

    claimed: Claimed
    state: Next
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Doubtful:
    """An earlier attempt may have arrived: what may have been sent is parked as `unknown`, the rest is given back."""

    claimed: Claimed


Outcome = Attempted | Postponed | Withheld | Dropped | Ended | Doubtful


class Ledger(Protocol):
    """What is kept of the deliveries of one kind beside the engine's own tables.

    The first two are called within a transaction of the engine's, in which the deliveries' rows of the queue are locked,
    as the owner; they raise nothing but database errors that are no row's fault.
    """

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Write what outcomes mean, those whose lease was lost as well: what was sent was sent."""

    def park(self, delivery_ids: Collection[UUID]) -> set[UUID]:
        """Mark what may have been sent as unknown and return it; the others were certainly not sent."""

    def recorded(self, outcomes: Sequence[Outcome]) -> None:
        """Do what follows from outcomes after their transaction; raises database errors, and is then not repeated."""


class Sender(Protocol):
    """Sends what is due to one kind of target. One instance per engine."""

    on_lost_lease: OnLostLease
    """What becomes of a delivery whose engine died: sent again, or parked as `unknown` for a person to decide."""
    ledger: Ledger | None
    """Knows of such a delivery whether it may have been sent; without one, all of them are parked."""

    async def open(self) -> None:
        """Open connections; called in the engine's loop, before anything else."""

    async def close(self) -> None: ...

    def prepare(self, rows: Sequence[Claimed]) -> list[Job | Outcome]:
        """Load what is needed to send: a job for each row, or at once what becomes of it.

        Runs in a database thread, as the owner. Database errors go through; nothing else may be raised, since one
        target's fault must not stop the others.
        """

    async def send(self, job: Job) -> Outcome:
        """Make one attempt, unless it turns out that none may be made. Raises nothing but CancelledError."""

    def interrupted(self, job: Job, *, started_at: datetime) -> Outcome:
        """Say that an attempt was cut off by the engine's stop; whether it arrived is unknown."""

    def follow_up(self, attempts: Sequence[Attempted], *, failing: Collection[UUID]) -> None:
        """Do what attempts ask for besides their own state (disable a target); after they are recorded, as the owner.

        `failing` are targets that had nothing but failures for days.
        """


def ledgers_of(senders: Mapping[str, Sender]) -> dict[str, Ledger]:
    """Return the ledgers of the kinds that keep one."""
    return {kind: sender.ledger for kind, sender in senders.items() if sender.ledger is not None}


def load_senders() -> Mapping[str, Sender]:
    """Return a new sender for each kind of target."""
    return {kind: import_string(path)() for kind, path in settings.DELIVERY_SENDERS.items()}
