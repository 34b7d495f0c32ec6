from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from integrations.egress.deadlines import PRECISION_SECONDS, Deadlines


@dataclass(eq=False)
class Pending:
    expired: asyncio.Event = field(default_factory=asyncio.Event)

    def expire(self) -> None:
        self.expired.set()


def test_watch_expires_what_is_over_and_leaves_the_rest() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines()
        soon, late, forgotten = Pending(), Pending(), Pending()
        started = time.monotonic()
        deadlines.watch(soon, loop.time() + 0.1)
        deadlines.watch(late, loop.time() + 60)
        deadlines.watch(forgotten, loop.time() + 0.05)
        deadlines.forget(forgotten)
        deadlines.forget(forgotten)

        await soon.expired.wait()

        assert 0.1 <= time.monotonic() - started < 0.1 + 4 * PRECISION_SECONDS
        assert not late.expired.is_set()
        assert not forgotten.expired.is_set()
        deadlines.close()

    asyncio.run(main())


def test_watch_goes_on_after_nothing_was_pending() -> None:
    async def main() -> None:
        deadlines = Deadlines()
        for _ in range(2):
            pending = Pending()
            deadlines.watch(pending, asyncio.get_running_loop().time())
            await asyncio.wait_for(pending.expired.wait(), 5)
            while deadlines._timer is not None:
                await asyncio.sleep(0)  # idle, it keeps no timer

    asyncio.run(main())
