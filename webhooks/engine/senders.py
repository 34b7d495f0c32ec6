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
from webhooks.policy import Decision

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


Outcome = Attempted | Postponed | Withheld | Dropped


class Sender(Protocol):
    """Sends what is due to one kind of target. One instance per engine."""

    on_lost_lease: OnLostLease
    """What becomes of a delivery whose engine died: sent again, or parked as `unknown` for a person to decide."""

    async def open(self) -> None:
        """Open connections; called in the engine's loop, before anything else."""

    async def close(self) -> None: ...

    def prepare(self, rows: Sequence[Claimed]) -> list[Job | Outcome]:
        """Load what is needed to send: a job for each row, or at once what becomes of it.

        Runs in a database thread, as the owner. Database errors go through; nothing else may be raised, since one
        target's fault must not stop the others.
        """

    async def send(self, job: Job) -> Attempted:
        """Make one attempt. Raises nothing but CancelledError."""

    def interrupted(self, job: Job, *, started_at: datetime) -> Attempted:
        """Say that an attempt was cut off by the engine's stop; whether it arrived is unknown."""

    def follow_up(self, attempts: Sequence[Attempted], *, failing: Collection[UUID]) -> None:
        """Do what attempts ask for besides their own state (disable a target); after they are recorded, as the owner.

        `failing` are targets that had nothing but failures for days.
        """


def load_senders() -> Mapping[str, Sender]:
    """Return a new sender for each kind of target."""
    return {kind: import_string(path)() for kind, path in settings.DELIVERY_SENDERS.items()}
