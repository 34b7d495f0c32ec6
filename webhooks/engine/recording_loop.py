"""Collecting outcomes and having them recorded, many at a time and each exactly once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

import structlog

from webhooks.engine import limits
from webhooks.engine.database import DATABASE_ERRORS, DatabaseThread
from webhooks.engine.health import Consequences
from webhooks.engine.record import record_outcomes
from webhooks.engine.senders import Attempted, Outcome, Sender, ledgers_of

logger = structlog.get_logger(__name__)


class RecordingLoop:
    """Keeps outcomes until PostgreSQL has them. How many can pile up is bounded by what the engine may lease."""

    def __init__(
        self, engine_id: UUID, senders: Mapping[str, Sender], *, on_open: Callable[[Collection[UUID]], None]
    ) -> None:
        """`on_open` is told the targets whose breakers were found open after failures."""
        self._engine_id = engine_id
        self._on_open = on_open
        self._senders = senders
        self._ledgers = ledgers_of(senders)
        self._outcomes: list[Outcome] = []
        self._batch: Sequence[Outcome] = ()
        self._recorded_at = float("-inf")
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._database = DatabaseThread("engine-record")
        self.is_troubled = False
        """Whether the last try failed: nothing more should be claimed meanwhile."""

    @property
    def pending(self) -> int:
        return len(self._outcomes) + len(self._batch)

    @property
    def leased(self) -> set[UUID]:
        """The deliveries whose leases wait here for being given back or ended."""
        return {outcome.claimed.delivery_id for outcome in (*self._outcomes, *self._batch)}

    def add(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._empty.clear()
        self._arrived.set()
        if len(self._outcomes) >= limits.BATCH_ROWS:
            self._full.set()

    async def run(self) -> None:
        """Record until cancelled."""
        while True:
            await self._arrived.wait()
            await self._wait_for_others()
            self._batch, self._outcomes = self._outcomes[: limits.BATCH_ROWS], self._outcomes[limits.BATCH_ROWS :]
            if not self._outcomes:
                self._arrived.clear()
            if len(self._outcomes) < limits.BATCH_ROWS:
                self._full.clear()
            await self._record(self._batch)
            self._batch = ()
            self._recorded_at = asyncio.get_running_loop().time()
            if not self._outcomes:
                self._empty.set()

    async def _wait_for_others(self) -> None:
        """Let a batch grow while the last one is young. So a single outcome is recorded at once, and many are in batches."""
        try:
            async with asyncio.timeout_at(self._recorded_at + limits.BATCH_SECONDS):
                await self._full.wait()
        except TimeoutError:
            return

    async def _record(self, batch: Sequence[Outcome]) -> None:
        pause = limits.FIRST_BACK_OFF
        again = False
        while True:
            try:
                consequences = await self._database.run(
                    record_outcomes, self._engine_id, batch, again=again, ledgers=self._ledgers
                )
            except DATABASE_ERRORS as error:
                logger.warning("outcomes_not_recorded", rows=len(batch), reason=str(error))
                again = self.is_troubled = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, limits.LONGEST_BACK_OFF)
            else:
                self.is_troubled = False
                break
        if consequences.open:
            self._on_open(consequences.open)
        await self._follow_up(batch, consequences)

    async def _follow_up(self, batch: Sequence[Outcome], consequences: Consequences) -> None:
        attempts = [
            outcome
            for outcome in batch
            if isinstance(outcome, Attempted)
            and (outcome.decision.disables_webhook or outcome.claimed.target_id in consequences.failing)
        ]
        for kind, ledger in self._ledgers.items():
            if of_kind := [outcome for outcome in batch if outcome.claimed.target_kind == kind]:
                try:
                    await self._database.run(ledger.recorded, of_kind)
                except DATABASE_ERRORS as error:
                    logger.warning("ledger_not_followed_up", kind=kind, reason=str(error))
        for kind, sender in self._senders.items():
            if concerned := [attempt for attempt in attempts if attempt.claimed.target_kind == kind]:
                try:
                    await self._database.run(sender.follow_up, concerned, failing=consequences.failing)
                except DATABASE_ERRORS as error:
                    # The next answer of the same kind asks for it again.
                    logger.warning("follow_up_failed", kind=kind, reason=str(error))

    async def finish(self, *, within: float) -> None:
        """Wait until everything is recorded; after `within` seconds the leases are left to be released."""
        try:
            async with asyncio.timeout(within):
                await self._empty.wait()
        except TimeoutError:
            logger.exception("outcomes_not_recorded_at_stop", rows=self.pending)

    async def close(self) -> None:
        await self._database.close()
