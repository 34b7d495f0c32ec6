"""Deliveries sent and recorded per second, from the moment at which they are there until the last one is recorded."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import psutil

from tests.benchmarks.processor_time import ProcessorTime
from tests.benchmarks.report import Bar, middle, number

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "Deliveries sent and recorded"
WARM_UP = 2_000
RUNS = 3


def _runs(site: Site, *, deliveries: int, webhooks: int, used: ProcessorTime) -> tuple[float, str]:
    """Return deliveries per second of the workers that are running; what comes first warms them up."""
    figures = []
    _per_second(site, deliveries=WARM_UP, webhooks=webhooks, used=_parties(site))
    for _ in range(1 if site.is_quick else RUNS):
        figures.append(_per_second(site, deliveries=deliveries, webhooks=webhooks, used=used))
    return middle(figures)


def _per_second(site: Site, *, deliveries: int, webhooks: int, used: ProcessorTime) -> float:
    site.empty()
    site.load(deliveries, webhooks=webhooks)
    before = used.now()
    per_second = deliveries / site.seconds_until_done(deliveries, since=time.monotonic())
    used.add(before, deliveries)
    return per_second


def _parties(site: Site, engines: Sequence[psutil.Process] = ()) -> ProcessorTime:
    return ProcessorTime({"engine": engines, **{name: [server] for name, server in site.servers.items()}})


def _add_processor_time(site: Site, used: ProcessorTime, whose: str) -> float:
    """Add and return what one delivery took of everybody, in µs, from when it is due until it is recorded."""
    spent = used.microseconds()
    total = sum(spent.values())
    parts = ", ".join(f"{name} {number(microseconds)}" for name, microseconds in spent.items())
    site.report.add(SECTION, f"processor time of all for one delivery, {whose}", total, "µs", note=parts)
    return total


def _possible_with_two(one: float, microseconds: float) -> float:
    """Return what two processes could deliver in a second, if they got into nobody's way.

    Twice as much as one; unless this machine's cores are full before, at what a delivery takes of all with one process.
    """
    return min(2 * one, (os.cpu_count() or 1) * 1e6 / microseconds)


def run(site: Site) -> None:
    report = site.report
    count = 10_000 if site.is_quick else 80_000
    bare = report.bare_per_second
    with site.worker() as main:
        used = _parties(site, main.children())
        one, note = _runs(site, deliveries=count, webhooks=50, used=used)
        bars = [(Bar(5_000), one, "/s"), *([(Bar(0.4), one / bare, "of bare")] if bare else [])]
        if tasks := report.tasks_per_second:
            bars.append((Bar(10), one / tasks, "× tasks"))
        report.add(
            SECTION, "one worker process, 50 webhooks", one, "deliveries/s", bars=bars, is_compared=True, note=note
        )
        cost = used.microseconds()["engine"]
        to_bare = f"{cost / report.bare_microseconds:.1f} times the bare loop's" if report.bare_microseconds else ""
        report.add(SECTION, "its engine's processor time for one delivery", cost, "µs", note=to_bare)
        possible = _possible_with_two(one, _add_processor_time(site, used, "one process"))
        alone, note = _runs(site, deliveries=count // 2, webhooks=1, used=_parties(site, main.children()))
        what = "one worker process, one webhook alone"
        report.add(SECTION, what, alone, "deliveries/s", bars=[(Bar(2_000), alone, "/s")], is_compared=True, note=note)
        _add_memory(site, main)
    with site.worker(processes=2) as main:
        used = _parties(site, main.children())
        two, note = _runs(site, deliveries=count, webhooks=50, used=used)
        bars = [
            (Bar(1.4), two / one, "× one process"),
            (Bar(7_000), two, "/s"),
            (Bar(0.8), two / possible, "of what is possible"),
        ]
        note = f"{two / one:.2f} × one process; {note}"
        report.add(
            SECTION, "two worker processes, 50 webhooks", two, "deliveries/s", bars=bars, is_compared=True, note=note
        )
        _add_processor_time(site, used, "two processes")
    site.empty()


def _add_memory(site: Site, main: psutil.Process) -> None:
    mebibyte = 2**20
    for what, processes in (("main process", [main]), ("process with the engine", main.children())):
        resident = max(process.memory_info().rss for process in processes) / mebibyte
        own = max(process.memory_full_info().uss for process in processes) / mebibyte
        note = f"{own:.0f} MiB of it not shared"
        site.report.add(SECTION, f"memory (RSS) of the worker's {what}, after that", resident, "MiB", note=note)
