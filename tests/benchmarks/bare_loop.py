"""The yardstick: an aiohttp + uvloop loop that does nothing but POST the same payload to the same receiver.

`python -m tests.benchmarks.bare_loop URL SECONDS` prints requests per second, and the microseconds of processor time
that one took. No claim, no signature, no record.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

import aiohttp
import uvloop

from tests.benchmarks.report import middle

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "The bare loop (no policy, nothing recorded)"
IN_FLIGHT = 256
BODY = b'{"text": "' + b"x" * 1012 + b'"}'


async def _send(url: str, seconds: float) -> tuple[float, float]:
    sent = 0
    ends_at = time.monotonic() + seconds

    async def post_on(session: aiohttp.ClientSession) -> None:
        nonlocal sent
        while time.monotonic() < ends_at:
            async with session.post(url, data=BODY, headers={"Content-Type": "application/json"}) as response:
                await response.read()
            sent += 1

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        started, worked = time.monotonic(), time.process_time()
        await asyncio.gather(*(post_on(session) for _ in range(IN_FLIGHT)))
        worked = time.process_time() - worked
    return sent / (time.monotonic() - started), worked / sent * 1e6


def measure(url: str, *, processes: int, seconds: float) -> tuple[float, float]:
    """Run so many bare loops at once, each in a process of its own; return the sum of requests/s, and µs of CPU for one."""
    command = [sys.executable, "-m", __name__, url, str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    printed = [[float(word) for word in process.communicate()[0].split()] for process in running]
    return sum(rate for rate, _ in printed), median(cost for _, cost in printed)


def run(site: Site) -> None:
    runs = 1 if site.is_quick else 3
    seconds = 2.0 if site.is_quick else 4.0
    for processes in (1, 2):
        figures = [measure(site.receiver, processes=processes, seconds=seconds) for _ in range(runs)]
        per_second, note = middle([rate for rate, _ in figures])
        cost = median(cost for _, cost in figures)
        if processes == 1:
            site.report.bare_per_second, site.report.bare_microseconds = per_second, cost
        what = f"{processes} process{'es' * (processes > 1)}"
        site.report.add(SECTION, what, per_second, "requests/s", is_compared=True, note=note)
        if processes == 1:
            site.report.add(SECTION, "its processor time for one request", cost, "µs")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rate, cost = runner.run(_send(sys.argv[1], float(sys.argv[2])))
    sys.stdout.write(f"{rate} {cost}\n")
