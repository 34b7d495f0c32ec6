"""Endpoints that hang, drip, reset, push back or never stop talking: they are told so, and nobody else waits for them."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.faults.fault_site import FaultSite, Worker
from tests.faults.matrix import Row
from tests.faults.scene import Scene

pytestmark = pytest.mark.faults
Report = Callable[..., Row]

# Fewer failures in a row than open a circuit breaker.
FAILURES = 8
BOMB_BYTES = 200 * 1024 * 1024
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def worker(running_site: FaultSite) -> Worker:
    return running_site.run_worker()


@pytest.fixture(scope="module")
def site(running_site: FaultSite, worker: Worker) -> Iterator[FaultSite]:
    """One worker for all tests here: none of these faults may touch it."""
    yield running_site
    assert worker.main.is_running()
    running_site.tidy_up()


def among_others(scene: Scene, count: int, **bad: Any) -> str:
    """Send `count` deliveries to a bad webhook beside four good ones, which get as many; say how long the good waited."""
    scene.add_webhooks("/bad", **bad)
    good = scene.add_webhooks("/a", "/b", "/c", "/d")
    turns = [webhook for one in good for webhook in (scene.webhooks[0], one)]
    scene.accept(2 * count, webhooks=turns, per_second=200)
    scene.settle(time.monotonic())
    delays = scene.first_delays(good)
    assert delays.share(0.99) < 1000, delays
    return f"others' first arrival {delays}"


@pytest.mark.parametrize(
    ("fault", "answer", "kinds"),
    [
        ("hangs", {"delay": 30.0}, {"timeout"}),
        ("drips one byte a second", {"body": b"." * 60, "drip": 1.0}, {"timeout"}),
        ("answers 429, Retry-After 2", {"status": 429, "headers": {"Retry-After": "2"}}, {"status"}),
        ("resets connections", {"reset": True}, {"connect"}),
    ],
    ids=["hangs", "drips", "429", "resets"],
)
def test_an_endpoint_that_fails_for_a_while_gets_everything_in_the_end(
    scene: Scene, report: Report, fault: str, answer: dict[str, Any], kinds: set[str]
) -> None:
    scene.receiver.answer("/bad", times=FAILURES, **answer)

    note = among_others(scene, 200, timeout_ms=2000)

    failures = scene.query(
        "SELECT error_kind, response_time_ms FROM analytics_webhookcall WHERE target_id = ANY(%s) AND NOT success"
    )
    row = report(f"an endpoint {fault}", seconds=None, note=note)
    assert {kind for kind, _ in failures} == kinds
    assert all(milliseconds < 2500 for _, milliseconds in failures), "the deadline is total"
    assert row.calls == row.accepted + len(failures)
    # A reset on a connection that was kept alive is no failure yet: the request goes out once more, on a new one.
    assert len(failures) + row.duplicated == FAILURES
    assert row.duplicated == 0 or fault == "resets connections"
    if "429" in fault:
        assert min(pauses(scene)) >= 2


def pauses(scene: Scene) -> list[float]:
    """Return the seconds between the first and the second attempt, of deliveries that had two."""
    first = {
        request.headers["webhook-id"]: request.at
        for request in scene.requests()
        if request.headers["X-Signalbox-Attempt"] == "1"
    }
    return [
        request.at - first[request.headers["webhook-id"]]
        for request in scene.requests()
        if request.headers["X-Signalbox-Attempt"] == "2"
    ]


@pytest.mark.parametrize("fault", ["sends an endless body", "sends a gzip bomb of 200 MiB"])
def test_an_answer_without_end_costs_no_memory(scene: Scene, report: Report, worker: Worker, fault: str) -> None:
    if "endless" in fault:
        scene.receiver.answer("/bad", body=b"endless " * 8192, endless=True)
    else:
        scene.receiver.answer("/bad", body=gzip.compress(bytes(BOMB_BYTES)), headers={"Content-Encoding": "gzip"})
    (child,) = worker.children()
    before = child.memory_info().rss

    note = among_others(scene, 100)

    grown = (child.memory_info().rss - before) / MEBIBYTE
    ((longest,),) = scene.query(
        "SELECT max(octet_length(response_body)) FROM analytics_webhookcall WHERE target_id = ANY(%s)"
    )
    row = report(f"an endpoint {fault}", seconds=None, note=f"{grown:.0f} MiB more memory; {note}")
    assert row.duplicated == 0
    assert row.calls == row.accepted
    assert 16_000 < longest <= 16 * 1024
    assert grown < 64
