"""A client for the web process, in a process of its own: keep-alive connections that ask again as soon as they are answered."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import count
from statistics import quantiles

import aiohttp
import uvloop

NUMBER = "<number>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is asked again and again. `<number>` in the body is another one in every request, of every run."""

    url: str
    token: str
    method: str = "POST"
    body: str = ""
    connections: int = 16
    seconds: float = 8


@dataclass(frozen=True, slots=True)
class Found:
    answered: int
    seconds: float
    middle_ms: float
    high_ms: float

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds


def load(asked: Asked) -> Found:
    """Ask for so many seconds and return what was answered. Any answer but 2xx ends it with an error."""
    command = [sys.executable, "-m", __name__]
    given = json.dumps(asdict(asked))
    done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{asked.method} {asked.url}: {done.stderr[-2000:]}")
    return Found(**json.loads(done.stdout))


async def _load(asked: Asked) -> Found:
    took: list[float] = []
    headers = {"Authorization": asked.token} | ({"Content-Type": "application/json"} if asked.body else {})
    bodies = (asked.body.replace(NUMBER, f"{run}_{number}") for run in [secrets.token_hex(4)] for number in count())
    ends_at = time.monotonic() + asked.seconds

    async def ask(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < ends_at:
            body = next(bodies) or None
            began = time.monotonic()
            async with session.request(asked.method, asked.url, data=body, headers=headers) as response:
                text = await response.text()
                if not 200 <= response.status <= 299:
                    raise RuntimeError(f"{response.status}: {text[:500]}")
            took.append(time.monotonic() - began)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.monotonic()
        await asyncio.gather(*(ask(session) for _ in range(asked.connections)))
        elapsed = time.monotonic() - started
    percents = quantiles(took, n=100)
    return Found(len(took), elapsed, percents[49] * 1000, percents[98] * 1000)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(asdict(runner.run(_load(Asked(**json.load(sys.stdin)))))))
