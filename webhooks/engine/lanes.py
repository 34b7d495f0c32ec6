"""Who is sent next: each target has its own lane with so many places, and lanes with work take turns. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from webhooks.engine.senders import Job

LaneKey = tuple[str, UUID]


@dataclass(slots=True)
class Lane:
    """What of one target is leased by this engine. `places` bounds `in_flight`; `may_have_more` rows are in the queue."""

    key: LaneKey
    places: int
    waiting: deque[Job] = field(default_factory=deque)
    in_flight: int = 0
    may_have_more: bool = False
    is_queued: bool = False

    @property
    def held(self) -> int:
        return len(self.waiting) + self.in_flight

    @property
    def can_start(self) -> bool:
        return bool(self.waiting) and self.in_flight < self.places


class Lanes:
    """All lanes with work. An endpoint that hangs fills its own places, and the others pass it by."""

    def __init__(self) -> None:
        self._lanes: dict[LaneKey, Lane] = {}
        self._turns: deque[Lane] = deque()
        self.waiting = 0
        self.waiting_bytes = 0
        self.in_flight = 0

    def add(self, job: Job, *, places: int) -> None:
        """Append a job to its target's lane, which has `places` in this engine from now on."""
        key = lane_key(job)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key, places)
        lane.places = places
        lane.waiting.append(job)
        self.waiting += 1
        self.waiting_bytes += job.size
        self._queue(lane)

    def start_next(self) -> Job | None:
        """Take the next job in turn and count it as in flight; None when no lane has both work and a place."""
        while self._turns:
            lane = self._turns.popleft()
            lane.is_queued = False
            if not lane.can_start:
                continue
            job = lane.waiting.popleft()
            lane.in_flight += 1
            self.in_flight += 1
            self.waiting -= 1
            self.waiting_bytes -= job.size
            self._queue(lane)
            return job
        return None

    def finish(self, job: Job) -> bool:
        """Give a job's place back; tell whether its lane should be refilled from the queue."""
        lane = self._lanes[lane_key(job)]
        lane.in_flight -= 1
        self.in_flight -= 1
        self._queue(lane)
        if not lane.held:
            del self._lanes[lane.key]
        return lane.may_have_more and len(lane.waiting) <= lane.places

    def withdraw_waiting(self, targets: Collection[UUID] | None = None) -> list[Job]:
        """Take back what was not started: everything, or only that of these targets."""
        lanes = [lane for lane in self._lanes.values() if targets is None or lane.key[1] in targets]
        withdrawn = [job for lane in lanes for job in lane.waiting]
        for lane in lanes:
            lane.waiting.clear()
            if not lane.held:
                del self._lanes[lane.key]
        self.waiting -= len(withdrawn)
        self.waiting_bytes -= sum(job.size for job in withdrawn)
        return withdrawn

    def mark_full(self, *, held_before: Mapping[UUID, int], prefetch: int, came_round: bool) -> None:
        """After a claim, note which lanes it filled up: those may have more rows in the queue.

        A lane that was not filled has no more, unless the claim stopped before it `came_round` to it.
        """
        for lane in self._lanes.values():
            is_full = lane.held >= prefetch * lane.places
            if is_full or came_round or lane.held > held_before.get(lane.key[1], 0):
                lane.may_have_more = is_full

    def waiting_ids(self) -> set[UUID]:
        return {job.claimed.delivery_id for lane in self._lanes.values() for job in lane.waiting}

    def held_by_target(self) -> dict[UUID, int]:
        """Count what is waiting here or in flight, for each target."""
        return {lane.key[1]: lane.held for lane in self._lanes.values()}

    def _queue(self, lane: Lane) -> None:
        if lane.can_start and not lane.is_queued:
            lane.is_queued = True
            self._turns.append(lane)


def lane_key(job: Job) -> LaneKey:
    return job.claimed.target_kind, job.claimed.target_id
