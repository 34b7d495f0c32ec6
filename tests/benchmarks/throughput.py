"""Deliveries sent and recorded per second, from the moment at which they are there until the last one is recorded."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import psutil

from tests.benchmarks.report import Bar, middle

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "Deliveries sent and recorded"
WARM_UP = 2_000
RUNS = 3


def _runs(site: Site, *, deliveries: int, webhooks: int) -> tuple[float, str]:
    """Return deliveries per second of the workers that are running; what comes first warms them up."""
    figures = []
    _per_second(site, deliveries=WARM_UP, webhooks=webhooks)
    for _ in range(1 if site.is_quick else RUNS):
        figures.append(_per_second(site, deliveries=deliveries, webhooks=webhooks))
    return middle(figures)


def _per_second(site: Site, *, deliveries: int, webhooks: int) -> float:
    site.empty()
    site.load(deliveries, webhooks=webhooks)
    return deliveries / site.seconds_until_done(deliveries, since=time.monotonic())


def _processor_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def run(site: Site) -> None:
    report = site.report
    count = 10_000 if site.is_quick else 40_000
    bare = report.bare_per_second
    with site.worker() as main:
        (engine,) = main.children()
        worked = _processor_seconds(engine)
        one, note = _runs(site, deliveries=count, webhooks=50)
        cost = (_processor_seconds(engine) - worked) / (count * (1 if site.is_quick else RUNS) + WARM_UP) * 1e6
        bars = [(Bar(5_000), one, "/s"), *([(Bar(0.4), one / bare, "of bare")] if bare else [])]
        if tasks := report.tasks_per_second:
            bars.append((Bar(10), one / tasks, "× tasks"))
        report.add(
            SECTION, "one worker process, 50 webhooks", one, "deliveries/s", bars=bars, is_compared=True, note=note
        )
        to_bare = f"{cost / report.bare_microseconds:.1f} times the bare loop's" if report.bare_microseconds else ""
        report.add(SECTION, "its engine's processor time for one delivery", cost, "µs", note=to_bare)
        alone, note = _runs(site, deliveries=count // 2, webhooks=1)
        what = "one worker process, one webhook alone"
        report.add(SECTION, what, alone, "deliveries/s", bars=[(Bar(2_000), alone, "/s")], is_compared=True, note=note)
        _add_memory(site, main)
    with site.worker(processes=2):
        two, note = _runs(site, deliveries=count, webhooks=50)
        bars = [(Bar(1.4), two / one, "× one process")]
        report.add(
            SECTION, "two worker processes, 50 webhooks", two, "deliveries/s", bars=bars, is_compared=True, note=note
        )
    site.empty()


def _add_memory(site: Site, main: psutil.Process) -> None:
    mebibyte = 2**20
    for what, processes in (("main process", [main]), ("process with the engine", main.children())):
        resident = max(process.memory_info().rss for process in processes) / mebibyte
        own = max(process.memory_full_info().uss for process in processes) / mebibyte
        note = f"{own:.0f} MiB of it not shared"
        site.report.add(SECTION, f"memory (RSS) of the worker's {what}, after that", resident, "MiB", note=note)
