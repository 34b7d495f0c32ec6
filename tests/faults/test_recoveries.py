"""A recovery, the job in the background that sends everything again that failed, while what takes it further is killed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row
from tests.faults.scene import Scene, places
from tests.running_site import wait_until

pytestmark = pytest.mark.faults
Report = Callable[..., Row]

FAILED = 2000
KILLS = 3
# After a kill: the silence after which what was on the wire is sent again (20 s), and the rest of the recovery.
RECOVERY_SECONDS = 60
_NEXT_ROW = """
    SELECT id FROM webhooks_delivery WHERE target_id = %s AND state = 'failed' ORDER BY id LIMIT 1 FOR UPDATE
"""
_STUCK = "SELECT application_name FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid))"


def standing(site: FaultSite, recovery: str) -> tuple[str, int, int]:
    """Return its state, how many were sent again, and how many were left out."""
    sql = "SELECT state, retried, skipped FROM webhooks_recovery WHERE id = %s"
    [(state, retried, skipped)] = site.query(sql, recovery)
    return state, retried, skipped


@contextmanager
def stuck_in_a_slice(site: FaultSite, webhook: str) -> Iterator[str]:
    """Hold a row that the next slice needs, and give the name of the worker that waits for it in its transaction."""
    with psycopg.connect(site.database_url) as connection:

        def hold() -> bool:
            """Unless a slice that ran at this moment has just sent it."""
            if connection.execute(_NEXT_ROW, [webhook]).fetchone():
                return True
            connection.rollback()
            return False

        wait_until(hold, "a row of the next slice is held")
        mine = connection.info.backend_pid
        yield wait_until(lambda: site.query(_STUCK, mine), "a worker is in the middle of a slice", 30)[0][0]
        connection.rollback()


def assert_all_were_sent_again_once(site: FaultSite, scene: Scene, recovery: str) -> None:
    assert standing(site, recovery) == ("done", FAILED, 0)
    runs = scene.query("SELECT run, count(*)::int FROM webhooks_delivery WHERE target_id = ANY(%s) GROUP BY run")
    assert dict(runs)[2] == FAILED, "each has exactly one new run"
    assert set(dict(runs)) <= {1, 2}


def test_a_recovery_sends_everything_once_when_the_workers_that_advance_it_are_killed(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    """Killed is always the one that is in the middle of a slice, while the other one runs beat's task beside it."""
    [webhook] = scene.add_webhooks("/a")
    scene.fail(FAILED, webhook=webhook)
    for name in ("worker-0", "worker-1"):
        site.run_worker(name, wait=False)
    started = time.monotonic()
    recovery = scene.recover(webhook)
    for number in range(KILLS):
        with stuck_in_a_slice(site, webhook) as advancing:
            before = standing(site, recovery)
            site.until_hints_arrive()  # the other one takes the task, and leaves the recovery alone
            site.stop(advancing, signal.SIGKILL)
            assert standing(site, recovery) == before, "a slice that was interrupted never happened"
        site.run_worker(f"worker-{number + 2}", wait=False)
    wait_until(lambda: standing(site, recovery)[0] == "done", "the recovery is done", RECOVERY_SECONDS)
    advanced = time.monotonic() - started
    seconds = scene.settle(started, within=RECOVERY_SECONDS)

    note = f"{KILLS} killed in the middle of a slice, two workers at once; all in the queue after {advanced:.1f} s"
    row = report(f"kill -9 of what advances a recovery of {FAILED:,}", seconds=seconds, note=note)
    assert_all_were_sent_again_once(site, scene, recovery)
    assert row.accepted == row.calls == FAILED
    assert row.duplicated <= KILLS * places(scene), "at most what the killed had on the wire"


def test_a_recovery_pauses_and_goes_on_when_redis_is_killed(site: FaultSite, scene: Scene, report: Report) -> None:
    """Its next slice is a task's; what is in the queue already, and what is new, is sent meanwhile."""
    site.run_worker()
    [webhook] = scene.add_webhooks("/a")
    scene.fail(FAILED, webhook=webhook)
    recovery = scene.recover(webhook)
    wait_until(lambda: standing(site, recovery)[1], "the first slice is sent again")

    site.servers.kill_redis()
    scene.settle(time.monotonic())
    state, so_far, _ = standing(site, recovery)
    scene.accept(300, per_second=150)
    scene.settle(time.monotonic())
    assert standing(site, recovery) == (state, so_far, 0) == ("running", so_far, 0), "it pauses"
    assert 0 < so_far < FAILED
    site.servers.start_redis()
    back = time.monotonic()
    wait_until(lambda: standing(site, recovery)[0] == "done", "the recovery is done", RECOVERY_SECONDS)
    seconds = scene.settle(back)

    note = f"paused at {so_far:,} of {FAILED:,}; 300 fresh ones sent meanwhile"
    row = report("Redis killed during a recovery", seconds=seconds, note=note)
    assert_all_were_sent_again_once(site, scene, recovery)
    assert row.duplicated == 0
    assert row.calls == row.accepted == FAILED + 300
