"""Redis restarts, forgets, dies and freezes. It carries hints only, so accepting and delivering go on without it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row
from tests.faults.scene import Accepted, Scene

pytestmark = pytest.mark.faults
Report = Callable[..., Row]

# Generous: a call that touched a dead Redis took 0.6 s, one that touched a frozen Redis for ever.
LONGEST_ACCEPT_SECONDS = 1.0
MEDIAN_ACCEPT_SECONDS = 0.05


def assert_quick(accepted: Accepted) -> None:
    assert accepted.seconds[-1] < LONGEST_ACCEPT_SECONDS
    assert accepted.seconds[len(accepted.seconds) // 2] < MEDIAN_ACCEPT_SECONDS


def under_load(scene: Scene, count: int = 1500, *, per_second: float = 300) -> None:
    """Return while deliveries are accepted and sent."""
    scene.add_webhooks("/a", "/b")
    scene.begin_accepting(count, per_second=per_second)
    scene.receiver.wait_for(100, timeout=60)


def test_nothing_is_lost_when_redis_restarts(site: FaultSite, scene: Scene, report: Report) -> None:
    site.run_worker()
    under_load(scene)

    site.servers.kill_redis()
    site.servers.start_redis()
    hints = site.until_hints_arrive()
    accepted = scene.accepted()
    scene.settle(time.monotonic())

    note = f"never stopped; hints arrive again after {hints:.1f} s; {accepted.latency}"
    row = report("Redis killed and restarted", seconds=0.0, note=note)
    assert row.duplicated == 0
    assert row.calls == row.accepted
    assert_quick(accepted)


def test_nothing_is_lost_when_redis_forgets_everything(site: FaultSite, scene: Scene, report: Report) -> None:
    site.run_worker()
    under_load(scene)

    site.servers.redis_client().flushall()
    hints = site.until_hints_arrive()
    accepted = scene.accepted()
    scene.settle(time.monotonic())

    note = f"never stopped; hints arrive again after {hints:.1f} s; {accepted.latency}"
    row = report("FLUSHALL", seconds=0.0, note=note)
    assert row.duplicated == 0
    assert row.calls == row.accepted
    assert_quick(accepted)


@pytest.mark.parametrize("fault", ["down", "frozen"])
def test_accepting_goes_on_and_stays_quick_without_redis(
    site: FaultSite, scene: Scene, report: Report, fault: str
) -> None:
    scene.add_webhooks("/a", "/b")

    site.servers.kill_redis() if fault == "down" else site.servers.freeze_redis()
    accepted = scene.accept(1000)
    assert not scene.requests(), "no worker runs"
    site.servers.heal()
    healed = time.monotonic()
    site.run_worker()
    seconds = scene.settle(healed)

    row = report(f"Redis {fault} while 1,000 are accepted, worker after it", seconds=seconds, note=accepted.latency)
    assert row.accepted == 1000
    assert row.duplicated == 0
    assert_quick(accepted)


@pytest.mark.parametrize("fault", ["down", "frozen"])
def test_deliveries_go_on_while_redis_is_away(site: FaultSite, scene: Scene, report: Report, fault: str) -> None:
    """30 s stand for hours: whatever waits or gives up does so within them."""
    site.run_worker()
    scene.add_webhooks("/a", "/b")

    site.servers.kill_redis() if fault == "down" else site.servers.freeze_redis()
    away = time.monotonic()
    accepted = scene.accept(1500, per_second=50)
    scene.settle(time.monotonic())
    assert time.monotonic() - away >= 29
    delays = scene.first_delays()
    site.servers.heal()
    hints = site.until_hints_arrive()

    note = f"never stopped; first arrival {delays}; {accepted.latency}; hints arrive again after {hints:.1f} s"
    row = report(f"Redis {fault} for 30 s, deliveries go on", seconds=0.0, note=note)
    assert row.duplicated == 0
    assert row.calls == row.accepted
    assert_quick(accepted)
    assert delays.share(0.99) < 1000


def test_nothing_is_lost_when_a_child_is_killed_while_redis_is_away(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    """Celery replaces the child only when it has its broker again, so one that is alone delivers nothing until then."""
    worker = site.run_worker()
    scene.add_webhooks("/a", "/b")
    site.servers.kill_redis()
    scene.accept(200)
    scene.settle(time.monotonic())

    (child,) = worker.children()
    child.kill()
    scene.accept(200)
    site.servers.start_redis()
    seconds = scene.settle(time.monotonic())

    row = report("Redis down and the only child killed -9", seconds=seconds, note="from Redis's return")
    assert row.duplicated == 0


def test_a_worker_that_starts_while_redis_is_away_delivers(site: FaultSite, scene: Scene, report: Report) -> None:
    scene.add_webhooks("/a", "/b")
    site.servers.kill_redis()
    scene.accept(200)

    started = time.monotonic()
    site.run_worker()
    seconds = scene.settle(started)

    row = report("Redis down, a worker starts", seconds=seconds)
    assert row.duplicated == 0
