"""The delivery engine: one loop that claims, sends and has recorded, until it is told to stop.

PostgreSQL remembers; the engine only holds leases. Whatever happens to it (killed, cut off from the database, stopped
in the middle of a request), the rows it had leased are still in `due` and are sent by somebody else, or by itself
later. It runs in one event loop; database work happens in threads of its own and never holds up sending.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from integrations.ids import uuid7
from webhooks.engine import limits
from webhooks.engine.claim import Claimer
from webhooks.engine.database import DATABASE_ERRORS, DatabaseThread
from webhooks.engine.heartbeat import beat, release_silent, sign_off
from webhooks.engine.lanes import Lanes
from webhooks.engine.recording_loop import RecordingLoop
from webhooks.engine.senders import Claimed, Job, Outcome, Postponed, Sender, ledgers_of

logger = structlog.get_logger(__name__)

STOP_POLL_SECONDS: Final = 0.05


class Engine:
    """One engine. `should_stop` is asked often and may become true at any time; `run` then ends in order."""

    def __init__(
        self,
        *,
        senders: Mapping[str, Sender],
        should_stop: Callable[[], bool],
        grace_seconds: float,
    ) -> None:
        self.id = uuid7()
        self._senders = senders
        self._should_stop = should_stop
        self._grace_seconds = grace_seconds
        self._claimer = Claimer(self.id)
        self._lanes = Lanes()
        self._requests: dict[asyncio.Task[None], Job] = {}
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._is_claiming = False
        self._engines_alive = 1
        self._last_beat = float("-inf")
        self._needs_reconciling = False
        self._claims = DatabaseThread("engine-claim")
        self._beats = DatabaseThread("engine-heartbeat")
        self._recording = RecordingLoop(self.id, senders, on_open=self._withdraw_waiting)

    async def run(self) -> None:
        """Run until `should_stop`; then take nothing more, wait for the grace, record, and give back what is left."""
        opened: list[Sender] = []
        tasks: list[asyncio.Task[None]] = []
        try:
            for sender in self._senders.values():
                await sender.open()
                opened.append(sender)
            await self._first_beat()
            logger.info("engine_started", engine=str(self.id))
            claiming = asyncio.create_task(self._claim_on())
            tasks = [claiming, asyncio.create_task(self._beat_on()), asyncio.create_task(self._recording.run())]
            await self._until_stopped(tasks)
            await asyncio.wait([claiming], timeout=limits.FLUSH_SECONDS)  # the claim that is under way
            await self._finish_requests()
            await self._recording.finish(within=limits.FLUSH_SECONDS)
        finally:
            self._is_stopping = True
            left = [*tasks, *self._requests]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
            await self._sign_off()
            for sender in opened:
                await sender.close()
            await asyncio.gather(self._claims.close(), self._beats.close(), self._recording.close())
            logger.info("engine_stopped", engine=str(self.id))

    async def _until_stopped(self, tasks: list[asyncio.Task[None]]) -> None:
        while not self._should_stop():
            done, _ = await asyncio.wait(tasks, timeout=STOP_POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # these never end by themselves: raise what ended it
        self._is_stopping = True
        self._wake.set()

    # --- Heartbeat --------------------------------------------------------------------------------------------

    async def _first_beat(self) -> None:
        """Register before anything is claimed: a lease of an unknown engine counts for nothing."""
        pause = limits.FIRST_BACK_OFF
        while not self._should_stop() and not await self._beat():
            await asyncio.sleep(pause)
            pause = min(2 * pause, limits.LONGEST_BACK_OFF)

    async def _beat_on(self) -> None:
        while True:
            if await self._beat():
                await self._release_silent()
            await asyncio.sleep(limits.HEARTBEAT_SECONDS if self._has_sure_leases() else 1.0)

    async def _beat(self) -> bool:
        asked_at = time.monotonic()
        try:
            self._engines_alive = await self._beats.run(beat, self.id, self._in_hand())
        except DATABASE_ERRORS as error:
            logger.warning("engine_heartbeat_failed", engine=str(self.id), reason=str(error))
            return False
        silence = asked_at - self._last_beat
        if limits.SILENT_AFTER_SECONDS < silence < float("inf"):
            # Others may have taken our rows meanwhile. What is on the wire cannot be helped; the rest is theirs.
            logger.warning("engine_was_silent", engine=str(self.id), seconds=round(silence))
            self._withdraw_waiting()
        self._last_beat = asked_at
        return True

    async def _release_silent(self) -> None:
        parked = [kind for kind, sender in self._senders.items() if sender.on_lost_lease == "park"]
        try:
            if await self._beats.run(release_silent, parked_kinds=parked, ledgers=ledgers_of(self._senders)):
                self._wake.set()
        except DATABASE_ERRORS as error:
            logger.warning("silent_engines_not_released", reason=str(error))

    def _has_sure_leases(self) -> bool:
        return time.monotonic() - self._last_beat < limits.LEASE_SURE_SECONDS

    # --- Claiming ---------------------------------------------------------------------------------------------

    async def _claim_on(self) -> None:
        pause = limits.FIRST_BACK_OFF
        reconciled_at = time.monotonic()
        while not self._is_stopping:
            self._wake.clear()
            started = time.monotonic()
            rows = self._room()
            claimed = 0
            if rows:
                try:
                    if self._needs_reconciling or started - reconciled_at > limits.RECONCILE_SECONDS:
                        await self._claims.run(self._claimer.give_back_unknown, self._known_leases())
                        reconciled_at, self._needs_reconciling = started, False
                    claimed = await self._claim(rows)
                    pause = limits.FIRST_BACK_OFF
                except DATABASE_ERRORS as error:
                    logger.warning("engine_claim_failed", engine=str(self.id), reason=str(error))
                    self._needs_reconciling = True
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, limits.LONGEST_BACK_OFF)
                    continue
            if rows and claimed == rows:
                continue
            await self._rest(0.0 if claimed else time.monotonic() - started)

    async def _rest(self, fruitless: float) -> None:
        """Wait for the next poll, or until a lane runs low.

        A walk over very many webhooks that all wait for their next try takes long and brings nothing: the longer it
        took (`fruitless` seconds; 0.0 after a claim that brought some), the longer is the pause, so that claiming never
        fills the time.
        """
        await asyncio.sleep(min(max(limits.MIN_CLAIM_PAUSE, 4 * fruitless), 1.0))
        try:
            async with asyncio.timeout(limits.POLL_SECONDS if fruitless else limits.BUSY_POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return

    def _room(self) -> int:
        """How many rows may be claimed now."""
        if (
            not self._has_sure_leases()
            or self._recording.is_troubled
            or self._lanes.waiting_bytes > limits.MAX_WAITING_BYTES
        ):
            return 0
        return max(0, min(limits.CLAIM_ROWS, limits.MAX_LEASED - self._in_hand()))

    def _in_hand(self) -> int:
        """How many deliveries are leased and not yet recorded; never 0 while a claim may be bringing some."""
        return self._lanes.waiting + self._lanes.in_flight + self._recording.pending + self._is_claiming

    async def _claim(self, rows: int) -> int:
        held = self._lanes.held_by_target()
        engines = self._engines_alive
        self._is_claiming = True
        try:
            claimed, prepared = await self._claims.run(self._claim_and_prepare, rows, engines, held)
        finally:
            self._is_claiming = False
        for item in prepared:
            if isinstance(item, Outcome):
                self._recording.add(item)
            else:
                self._lanes.add(item, places=max(1, item.places // engines))
        self._lanes.mark_full(held_before=held, prefetch=limits.PREFETCH, came_round=claimed < rows)
        self._fill()
        return claimed

    def _known_leases(self) -> set[UUID]:
        sent = {job.claimed.delivery_id for job in self._requests.values()}
        return sent | self._lanes.waiting_ids() | self._recording.leased

    def _claim_and_prepare(self, rows: int, engines: int, held: Mapping[UUID, int]) -> tuple[int, list[Job | Outcome]]:
        claimed = self._claimer.claim(rows=rows, engines=engines, held=held)
        by_kind: dict[str, list[Claimed]] = {}
        for row in claimed:
            by_kind.setdefault(row.target_kind, []).append(row)
        prepared: list[Job | Outcome] = []
        for kind, rows_of_kind in by_kind.items():
            if sender := self._senders.get(kind):
                prepared += sender.prepare(rows_of_kind)
            else:
                # An older worker beside newer ones: they know this kind.
                logger.error("no_sender_for_kind", kind=kind)
                prepared += [Postponed(row, limits.FAULT_DELAY_SECONDS) for row in rows_of_kind]
        return len(claimed), prepared

    # --- Sending ----------------------------------------------------------------------------------------------

    def _fill(self) -> None:
        """Start requests while there are places."""
        while (job := self._next_job()) is not None:
            task = asyncio.create_task(self._deliver_on(job))
            self._requests[task] = job
            task.add_done_callback(self._requests.pop)

    def _next_job(self) -> Job | None:
        if self._lanes.in_flight >= limits.MAX_IN_FLIGHT or self._is_stopping or not self._has_sure_leases():
            return None
        return self._lanes.start_next()

    async def _deliver_on(self, first: Job) -> None:
        """Make a delivery, and then others for as long as there are some: a task for each would cost more."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  (`_fill` has made it)
        job: Job | None = first
        while job is not None:
            self._requests[task] = job
            await self._deliver(job)
            job = self._next_job()

    async def _deliver(self, job: Job) -> None:
        sender = self._senders[job.claimed.target_kind]
        started_at = datetime.now(UTC)
        outcome: Outcome
        try:
            outcome = await sender.send(job)
        except asyncio.CancelledError:
            # Only the end of the grace cancels requests; what was on the wire is told, not thrown away.
            outcome = sender.interrupted(job, started_at=started_at)
        except Exception:
            # A fault of ours must not leave the delivery leased for ever.
            logger.exception("delivery_fault", delivery_id=str(job.claimed.delivery_id))
            outcome = Postponed(job.claimed, limits.FAULT_DELAY_SECONDS)
        self._recording.add(outcome)
        if self._lanes.finish(job):
            self._wake.set()

    # --- Stopping ---------------------------------------------------------------------------------------------

    async def _finish_requests(self) -> None:
        self._withdraw_waiting()
        if self._requests:
            _, late = await asyncio.wait(list(self._requests), timeout=self._grace_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _withdraw_waiting(self, targets: Collection[UUID] | None = None) -> None:
        for job in self._lanes.withdraw_waiting(targets):
            self._recording.add(Postponed(job.claimed))

    async def _sign_off(self) -> None:
        try:
            released = await self._beats.run(sign_off, self.id)
        except DATABASE_ERRORS as error:
            # Its leases are released when it has been silent for long enough.
            logger.warning("engine_sign_off_failed", engine=str(self.id), reason=str(error))
        else:
            if released:
                logger.warning("engine_released_leases", engine=str(self.id), rows=released)
