"""PostgreSQL is stopped and started while deliveries are accepted, sent and recorded."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row
from tests.faults.scene import Scene
from tests.running_site import wait_until

pytestmark = pytest.mark.faults
Report = Callable[..., Row]


@pytest.mark.parametrize("how", ["fast", "immediate"])
def test_nothing_is_lost_when_postgresql_restarts(site: FaultSite, scene: Scene, report: Report, how: str) -> None:
    site.run_worker("one")
    site.run_worker("other")
    paths = ("/a", "/b", "/c", "/d")
    scene.add_webhooks(*paths)
    for path in paths:
        scene.receiver.answer(path, delay=0.05)
    scene.begin_accepting(1500, per_second=300)
    scene.receiver.wait_for(300, timeout=60)

    stopped = time.monotonic()
    site.servers.stop_postgres(at_once=how == "immediate")
    site.servers.start_postgres()
    answers = time.monotonic()
    recorded = scene.calls()
    arrived = len(scene.requests())
    wait_until(lambda: scene.calls() > recorded and len(scene.requests()) > arrived, "deliveries go on", 60)
    seconds = time.monotonic() - answers
    accepted = scene.accepted()
    scene.settle(time.monotonic())

    note = f"away {answers - stopped:.1f} s, {accepted.refused} calls refused meanwhile"
    row = report(f"PostgreSQL restarted ({how}) under load", seconds=seconds, note=note)
    assert accepted.refused > 0, "a refusal says that nothing was accepted"
    assert row.duplicated == 0, "what was sent is kept until it can be recorded"
    assert row.calls == len(scene.requests())
