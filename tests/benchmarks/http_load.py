"""A client for the web process, in a process of its own: keep-alive connections that ask again as soon as they are answered."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import dataclass
from statistics import quantiles

import aiohttp
import uvloop


@dataclass(frozen=True, slots=True)
class Found:
    answered: int
    seconds: float
    middle_ms: float
    high_ms: float


def load(url: str, *, token: str, body: str, connections: int, seconds: float) -> Found:
    """POST `body` for so many seconds and return what was answered. Any answer but 2xx ends it with an error."""
    given = json.dumps({"url": url, "token": token, "body": body, "connections": connections, "seconds": seconds})
    command = [sys.executable, "-m", __name__]
    return Found(**json.loads(subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout))


async def _load(url: str, token: str, body: str, connections: int, seconds: float) -> dict[str, float]:
    took: list[float] = []
    headers = {"Content-Type": "application/json", "Authorization": token}
    ends_at = time.monotonic() + seconds

    async def ask(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < ends_at:
            asked = time.monotonic()
            async with session.post(url, data=body, headers=headers) as response:
                text = await response.text()
                if not 200 <= response.status <= 299:
                    raise RuntimeError(f"{response.status}: {text[:500]}")
            took.append(time.monotonic() - asked)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        started = time.monotonic()
        await asyncio.gather(*(ask(session) for _ in range(connections)))
        elapsed = time.monotonic() - started
    percents = quantiles(took, n=100)
    return {"answered": len(took), "seconds": elapsed, "middle_ms": percents[49] * 1000, "high_ms": percents[98] * 1000}


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.stdout.write(json.dumps(runner.run(_load(**json.load(sys.stdin)))))
