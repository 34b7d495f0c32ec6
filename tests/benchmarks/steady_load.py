"""A steady flow of events: so many a second, stored in a transaction every ten milliseconds, as accepting stores them.

It runs in a process of its own, takes little of the machine and never slows down by itself: what it could not store
in time it says. The moment of acceptance (`created_at`) is taken before the transaction begins.

`python -m tests.benchmarks.steady_load EVENTS_PER_SECOND SECONDS FAN_OUT TENANT WEBHOOK…` prints how many events it
stored and how many seconds it took.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import psycopg

TICK = 0.01


def offer(
    *, events_per_second: int, seconds: float, fan_out: int, tenant_id: UUID, target_ids: Sequence[UUID]
) -> float:
    """Offer the load, wait until it ends, and return the events per second that were really stored."""
    arguments = [str(value) for value in (events_per_second, seconds, fan_out, tenant_id, *target_ids)]
    process = subprocess.run(
        [sys.executable, "-m", __name__, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    stored, took = process.stdout.split()
    return int(stored) / float(took)


def _run(events_per_second: int, seconds: float, fan_out: int, tenant_id: UUID, target_ids: Sequence[UUID]) -> None:
    from tests.benchmarks.dataset import Batch, Loader

    loader = Loader()
    stored = 0
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        connection.execute("SELECT 1").fetchone()
        connection.commit()
        started = time.monotonic()
        while (elapsed := time.monotonic() - started) < seconds:
            wanted = int(elapsed * events_per_second) - stored
            if wanted > 0:
                batch, now = Batch(), datetime.now(UTC)
                for number in range(stored, stored + wanted):
                    targets = [target_ids[(number * fan_out + i) % len(target_ids)] for i in range(fan_out)]
                    loader.add(batch, tenant_id=tenant_id, target_ids=targets, at=now)
                loader.store(connection, batch)
                stored += wanted
            time.sleep(max(0.0, TICK - (time.monotonic() - started - elapsed)))
        sys.stdout.write(f"{stored} {time.monotonic() - started}\n")


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    rate, seconds, fan_out, tenant, *targets = sys.argv[1:]
    _run(int(rate), float(seconds), int(fan_out), UUID(tenant), [UUID(target) for target in targets])
