from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from integrations.ids import uuid7
from webhooks.engine.lanes import Lanes
from webhooks.engine.senders import Claimed

A, B, C = (UUID(int=number) for number in (1, 2, 3))


@dataclass(frozen=True)
class StubJob:
    claimed: Claimed
    places: int = 16
    size: int = 10


def job(target: UUID) -> StubJob:
    claimed = Claimed(
        delivery_id=uuid7(),
        tenant_id=UUID(int=9),
        target_kind="webhook",
        target_id=target,
        event_id=uuid7(),
        attempt=0,
        run=1,
        max_retries=None,
        timeout_ms=None,
        retry_schedule="",
    )
    return StubJob(claimed)


def started(lanes: Lanes, count: int) -> list[UUID]:
    found = [lanes.start_next() for _ in range(count)]
    return [found_job.claimed.target_id for found_job in found if found_job is not None]


def test_targets_take_turns() -> None:
    lanes = Lanes()
    for target in (A, A, A, B, C, C):
        lanes.add(job(target), places=16)

    assert started(lanes, 10) == [A, B, C, A, C, A]


def test_a_target_never_has_more_in_flight_than_its_places() -> None:
    lanes = Lanes()
    jobs = [job(A) for _ in range(5)]
    for waiting in jobs:
        lanes.add(waiting, places=2)

    assert started(lanes, 5) == [A, A]
    lanes.finish(jobs[0])
    assert started(lanes, 5) == [A]
    assert (lanes.in_flight, lanes.waiting) == (2, 2)


def test_a_target_that_hangs_does_not_hold_up_the_others() -> None:
    lanes = Lanes()
    for _ in range(10):
        lanes.add(job(A), places=1)
    lanes.add(job(B), places=1)

    assert started(lanes, 10) == [A, B]
    lanes.add(job(C), places=1)
    assert started(lanes, 10) == [C]


def test_fewer_places_count_at_once_when_more_engines_share_them() -> None:
    lanes = Lanes()
    for places in (4, 4, 4, 1):
        lanes.add(job(A), places=places)

    assert started(lanes, 4) == [A]


def test_finish_asks_for_a_refill_when_a_full_lane_runs_low() -> None:
    lanes = Lanes()
    jobs = [job(A) for _ in range(4)]
    for waiting in jobs:
        lanes.add(waiting, places=1)
    lanes.mark_full(held_before={}, prefetch=4, came_round=True)

    refills = []
    for waiting in jobs:
        assert started(lanes, 1) == [A]
        refills.append(lanes.finish(waiting))

    assert refills == [False, False, True, True]  # 3, 2, 1 and 0 were still waiting; one place


def test_finish_asks_for_no_refill_when_the_claim_took_everything() -> None:
    lanes = Lanes()
    only = job(A)
    lanes.add(only, places=1)
    lanes.mark_full(held_before={}, prefetch=4, came_round=True)

    started(lanes, 1)

    assert lanes.finish(only) is False


def test_a_claim_that_stopped_before_a_lane_says_nothing_about_it() -> None:
    lanes = Lanes()
    jobs = [job(A) for _ in range(4)]
    for waiting in jobs:
        lanes.add(waiting, places=1)
    lanes.mark_full(held_before={}, prefetch=4, came_round=True)
    for waiting in jobs[:3]:
        started(lanes, 1)
        lanes.finish(waiting)

    lanes.mark_full(held_before={A: 1}, prefetch=4, came_round=False)

    started(lanes, 1)
    assert lanes.finish(jobs[3]) is True


def test_withdraw_waiting_takes_back_what_was_not_started() -> None:
    lanes = Lanes()
    jobs = [job(A), job(A), job(B)]
    for waiting in jobs:
        lanes.add(waiting, places=1)
    running = lanes.start_next()

    withdrawn = lanes.withdraw_waiting()

    assert running is jobs[0]
    assert withdrawn == jobs[1:]
    assert (lanes.waiting, lanes.waiting_bytes, lanes.in_flight) == (0, 0, 1)
    assert lanes.held_by_target() == {A: 1}
    assert lanes.start_next() is None


def test_withdraw_waiting_of_some_targets_leaves_the_others() -> None:
    lanes = Lanes()
    jobs = [job(A), job(B), job(A)]
    for waiting in jobs:
        lanes.add(waiting, places=1)

    assert lanes.withdraw_waiting({A}) == [jobs[0], jobs[2]]

    assert lanes.held_by_target() == {B: 1}
    assert (lanes.waiting, lanes.waiting_bytes) == (1, jobs[1].size)
    assert lanes.start_next() is jobs[1]
    assert lanes.start_next() is None


steps = st.lists(st.tuples(st.sampled_from(["add", "start", "finish"]), st.sampled_from([A, B, C])), max_size=200)


@given(steps, st.integers(1, 3))
def test_counts_always_agree_and_nothing_is_lost(todo: list[tuple[str, UUID]], places: int) -> None:
    lanes = Lanes()
    waiting: Counter[UUID] = Counter()
    flying: list[StubJob] = []
    for step, target in todo:
        if step == "add":
            lanes.add(job(target), places=places)
            waiting[target] += 1
        elif step == "start":
            if (found := lanes.start_next()) is not None:
                assert isinstance(found, StubJob)
                flying.append(found)
                waiting[found.claimed.target_id] -= 1
            else:
                in_flight = Counter(each.claimed.target_id for each in flying)
                assert all(not count or in_flight[key] >= places for key, count in waiting.items())
        elif flying:
            lanes.finish(flying.pop(0))
        in_flight = Counter(each.claimed.target_id for each in flying)
        assert all(count <= places for count in in_flight.values())
        assert lanes.in_flight == len(flying)
        assert lanes.waiting == waiting.total()
        assert lanes.waiting_bytes == 10 * waiting.total()
        assert lanes.held_by_target() == {key: n for key in (A, B, C) if (n := waiting[key] + in_flight[key])}
