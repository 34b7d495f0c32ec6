"""Workers are killed, frozen, stopped and restarted while they send."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil
import pytest

from tests.faults.fault_site import FaultSite, Worker
from tests.faults.matrix import Row
from tests.faults.scene import Scene, places
from tests.running_site import wait_until

pytestmark = pytest.mark.faults
Report = Callable[..., Row]

# After a kill: the silence after which leases are released (20 s), and what is left to be sent.
RECOVERY_SECONDS = 45
# Longer than a busy machine takes to fill the wire, so that no place is used a second time; shorter than the timeout.
UNTIL_KILLED = 25
FOUR = ("/a", "/b", "/c", "/d")


def slow_down(scene: Scene, seconds: float) -> None:
    for path in FOUR:
        scene.receiver.answer(path, delay=seconds)


def fill_the_wire(scene: Scene, *, delay: float) -> None:
    """Return when 160 of 600 deliveries are done, all places are on the wire, for `delay` seconds, and the rest waits."""
    scene.add_webhooks(*FOUR)
    slow_down(scene, delay)
    for path in FOUR:
        scene.receiver.answer(path, times=40)
    scene.accept(600)
    scene.receiver.wait_for(4 * 40 + places(scene), timeout=60)
    wait_until(lambda: scene.calls() >= 4 * 40, "what was answered is recorded")


def test_nothing_is_lost_when_a_child_is_killed_in_the_middle_of_a_post(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    worker = site.run_worker()
    (child,) = worker.children()
    fill_the_wire(scene, delay=UNTIL_KILLED)
    # Celery takes a child that dies before its loop has begun for one that cannot be started, and gives up.
    site.until_hints_arrive()

    child.kill()
    killed = time.monotonic()
    slow_down(scene, 0)
    site.wait_for_engines(worker)
    seconds = scene.settle(killed, within=RECOVERY_SECONDS)

    row = report("kill -9 of a worker's child mid-POST", seconds=seconds)
    assert row.duplicated == places(scene), "exactly what was on the wire is sent again"


def test_nothing_is_lost_when_the_main_process_is_killed(site: FaultSite, scene: Scene, report: Report) -> None:
    worker = site.run_worker()
    fill_the_wire(scene, delay=UNTIL_KILLED)

    children = site.kill_main(worker)
    killed = time.monotonic()
    _, orphans = psutil.wait_procs(children, timeout=15)
    assert not orphans, "no child goes on without its main process"
    slow_down(scene, 0)
    site.run_worker("successor")
    seconds = scene.settle(killed, within=RECOVERY_SECONDS)

    row = report("kill -9 of Celery's main process, new worker", seconds=seconds)
    assert row.duplicated == places(scene)


def test_nothing_is_lost_or_told_twice_when_a_worker_freezes_until_its_leases_are_gone(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    frozen, other = site.run_worker("frozen"), site.run_worker("other")
    fill_the_wire(scene, delay=1)
    (child,) = frozen.children()
    leases = wait_until(lambda: leases_of(site, child), "the one to freeze has leases")

    child.suspend()
    suspended = time.monotonic()
    slow_down(scene, 0)
    seconds = scene.settle(suspended, within=RECOVERY_SECONDS)
    child.resume()
    site.wait_for_engines(frozen)
    wait_until(lambda: is_back(site, child), "it has noticed its silence")

    assert other.main.is_running()
    row = report("a worker frozen until others took its leases", seconds=seconds, note=f"{leases} leases taken over")
    assert 0 < row.duplicated <= places(scene), "what it had on the wire"
    assert row.calls == row.accepted + row.duplicated, "its late answers are recorded as attempts, not as ends"


def leases_of(site: FaultSite, child: psutil.Process) -> int:
    sql = "SELECT count(*) FROM webhooks_due JOIN webhooks_engine ON id = lease_by WHERE pid = %s"
    return int(site.query(sql, child.pid)[0][0])


def is_back(site: FaultSite, child: psutil.Process) -> bool:
    """It beats again and holds nothing: its requests of before have ended and are recorded."""
    sql = "SELECT 1 FROM webhooks_engine WHERE pid = %s AND in_flight = 0 AND heartbeat_at > now() - '5 s'::interval"
    return bool(site.query(sql, child.pid))


def test_nothing_is_lost_or_sent_twice_in_a_rolling_restart(site: FaultSite, scene: Scene, report: Report) -> None:
    site.run_worker("first")
    site.run_worker("second")
    scene.add_webhooks(*FOUR)
    slow_down(scene, 0.05)
    scene.begin_accepting(1500, per_second=150)
    scene.receiver.wait_for(100, timeout=60)

    started = time.monotonic()
    for name in ("first", "second"):
        assert site.stop(name) == 0
        site.run_worker(f"{name}-restarted")
    rolled = time.monotonic() - started
    scene.accepted()
    scene.settle(time.monotonic())

    row = report(
        "SIGTERM, rolling restart of two workers",
        seconds=0.0,
        note=f"restart of both {rolled:.1f} s; delivered meanwhile",
    )
    assert row.duplicated == 0
    assert row.calls == row.accepted


def test_a_clean_stop_records_what_is_on_the_wire_and_sends_nothing_twice(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    site.run_worker()
    fill_the_wire(scene, delay=1)

    asked = time.monotonic()
    assert site.stop("worker") == 0
    stopped = time.monotonic() - asked

    assert scene.calls() == len(scene.requests()), "every request has its record"
    assert scene.leased() == 0
    slow_down(scene, 0)
    site.run_worker("successor")
    seconds = scene.settle(time.monotonic())
    row = report("SIGTERM, requests end within the grace", seconds=seconds, note=f"stopped in {stopped:.1f} s")
    assert row.duplicated == 0
    assert row.calls == row.accepted


def test_a_clean_stop_tells_of_requests_that_outlast_the_grace_and_gives_them_back_at_once(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    site.run_worker()
    fill_the_wire(scene, delay=20)

    asked = time.monotonic()
    assert site.stop("worker") == 0
    stopped = time.monotonic() - asked

    assert scene.calls() == len(scene.requests()), "every request has its record"
    assert scene.leased() == 0
    interrupted = len(
        scene.query("SELECT 1 FROM analytics_webhookcall WHERE target_id = ANY(%s) AND error_kind = 'interrupted'")
    )
    assert interrupted == places(scene)
    slow_down(scene, 0)
    site.run_worker("successor")
    seconds = scene.settle(time.monotonic())
    note = f"stopped in {stopped:.1f} s, {interrupted} interrupted"
    row = report("SIGTERM, requests outlast the grace of 3 s", seconds=seconds, note=note)
    assert row.duplicated == interrupted, "only these are sent again, as the same attempt"
    assert row.calls == row.accepted + interrupted


@pytest.mark.parametrize(("workers", "processes"), [(2, 1), (2, 2)], ids=["two engines", "four engines"])
def test_engines_claim_nothing_twice_and_never_deadlock(
    site: FaultSite, scene: Scene, report: Report, workers: int, processes: int
) -> None:
    scene.add_webhooks(*(f"/{number}" for number in range(12)))
    scene.accept(2400)
    before = deadlocks(site)

    started = time.monotonic()
    running: list[Worker] = [
        site.run_worker(f"worker-{number}", processes=processes, wait=False) for number in range(workers)
    ]
    for worker in running:
        site.wait_for_engines(worker, processes)
    scene.accept(2400)
    scene.settle(started)

    for worker in running:
        assert site.stop(worker.name) == 0  # a connection's deadlocks are counted at the latest when it is closed

    note = f"{deadlocks(site) - before} deadlocks"
    row = report(f"{workers * processes} engines claim and record", seconds=None, note=note)
    assert row.duplicated == 0
    assert row.calls == row.accepted == len(scene.requests())
    assert deadlocks(site) == before


def deadlocks(site: FaultSite) -> int:
    return int(site.query("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0])
