"""One fault's scene: a tenant, its webhooks, a receiver, what was accepted, and the account that is taken at the end."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row
from tests.receiver import Receiver, Request
from tests.running_site import wait_until

SETTLE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Delays:
    """Milliseconds, ascending."""

    milliseconds: list[float]

    def share(self, share: float) -> float:
        return self.milliseconds[min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))]

    def __str__(self) -> str:
        return f"p50 {self.share(0.5):.0f} ms, p99 {self.share(0.99):.0f} ms"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the accepting process was told is accepted; `seconds` for each call, ascending."""

    ids: list[str]
    refused: int
    seconds: list[float]

    @property
    def latency(self) -> str:
        delays = Delays([1000 * seconds for seconds in self.seconds])
        return f"accepting {delays}, at most {delays.share(1):.0f} ms"


@dataclass(slots=True)
class Scene:
    site: FaultSite
    receiver: Receiver
    webhooks: list[str] = field(default_factory=list)
    _accepted: list[Accepted] = field(default_factory=list)

    # --- What happens -----------------------------------------------------------------------------------------

    def add_webhooks(self, *paths: str, **fields: Any) -> list[str]:
        """Make a tenant with a webhook for each path of the receiver (or whole address), and return their ids."""
        urls = [path if "://" in path else self.receiver.url(path) for path in paths]
        made = [
            {"workflow_name": f"hook-{number}", "url": url, "retry_schedule": "quick", **fields}
            for number, url in enumerate(urls)
        ]
        self.site.ask(do="make", slug=f"tenant-{secrets.token_hex(4)}", webhooks=made)
        ids = self.site.answer()
        self.webhooks += ids
        return ids

    def accept(
        self, count: int, *, webhooks: list[str] | None = None, per_second: float | None = None, **payload: Any
    ) -> Accepted:
        self.begin_accepting(count, webhooks=webhooks, per_second=per_second, **payload)
        return self.accepted()

    def begin_accepting(
        self, count: int, *, webhooks: list[str] | None = None, per_second: float | None = None, **payload: Any
    ) -> None:
        """Have deliveries accepted, while the test goes on."""
        targets = webhooks or self.webhooks
        self.site.ask(do="accept", webhooks=targets, count=count, per_second=per_second, payload=payload)

    def accepted(self) -> Accepted:
        """Wait until the accepting process is done."""
        accepted = Accepted(**self.site.answer())
        self._accepted.append(accepted)
        return accepted

    def fail(self, count: int, *, webhook: str) -> None:
        """Have so many deliveries of a webhook failed: what must arrive once they are sent again."""
        self.site.ask(do="fail", webhook=webhook, count=count)
        self.accepted()

    def recover(self, webhook: str) -> str:
        """Start a recovery of all that failed at a webhook, and return its id."""
        self.site.ask(do="recover", webhook=webhook)
        return str(self.site.answer())

    def told(self, ids: list[str]) -> None:
        """Take into the account what somebody else than the accepting process was told is accepted."""
        self._accepted.append(Accepted(ids, refused=0, seconds=[]))

    def settle(self, since: float, *, within: float = SETTLE_SECONDS) -> float:
        """Wait until nothing of these webhooks waits any more; return the seconds since the moment `since`."""
        wait_until(lambda: self.waiting() == 0, f"the queue is empty ({self.site.log_path})", within)
        return time.monotonic() - since

    # --- What can be seen -------------------------------------------------------------------------------------

    def waiting(self) -> int:
        return self._count("SELECT count(*) FROM webhooks_due WHERE target_id = ANY(%s)")

    def leased(self) -> int:
        return self._count("SELECT count(*) FROM webhooks_due WHERE lease_by IS NOT NULL AND target_id = ANY(%s)")

    def calls(self) -> int:
        return self._count("SELECT count(*) FROM analytics_webhookcall WHERE target_id = ANY(%s)")

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Read with a statement that has one parameter: the ids of the webhooks."""
        return self.site.query(sql, self.webhooks)

    def _count(self, sql: str) -> int:
        return int(self.query(sql)[0][0])

    def first_delays(self, webhooks: list[str] | None = None) -> Delays:
        """Return the time from acceptance to the first arrival, of all deliveries (of some webhooks)."""
        accepted = dict(
            self.site.query(
                "SELECT id::text, extract(epoch FROM created_at)::float8 FROM webhooks_delivery WHERE target_id = ANY(%s)",
                webhooks or self.webhooks,
            )
        )
        clock = time.time() - time.monotonic()
        arrived: dict[str, float] = {}
        for request in self.requests():
            arrived.setdefault(request.headers["webhook-id"], request.at + clock)
        return Delays(sorted(1000 * (arrived[key] - at) for key, at in accepted.items() if key in arrived))

    def requests(self) -> list[Request]:
        return [request for request in self.receiver.requests if "webhook-id" in request.headers]

    # --- The account ------------------------------------------------------------------------------------------

    def account(self, fault: str, *, seconds: float | None, note: str = "") -> Row:
        """Count what became of everything, and assert what holds after every fault.

        Nothing that was accepted is lost, every delivery succeeded and has exactly one final call row, and calls, the
        webhooks' totals and the hourly rollups tell the same numbers.
        """
        requests = self.requests()
        accepted = {delivery_id for batch in self._accepted for delivery_id in batch.ids}
        received = {request.headers["webhook-id"] for request in requests}
        attempts = {(request.headers["webhook-id"], request.headers["X-Signalbox-Attempt"]) for request in requests}
        row = Row(
            fault,
            accepted=len(accepted),
            delivered=len(accepted & received),
            lost=len(accepted - received),
            duplicated=len(requests) - len(attempts),
            calls=self.calls(),
            seconds=seconds,
            note=note,
        )
        assert row.lost == 0, f"{row.lost} of {row.accepted} were lost ({self.site.log_path})"
        self._assert_books_agree(accepted, received)
        return row

    def _assert_books_agree(self, accepted: set[str], received: set[str]) -> None:
        states = dict(self.query("SELECT id::text, state FROM webhooks_delivery WHERE target_id = ANY(%s)"))
        assert accepted <= set(states)
        assert Counter(states.values()) == {"succeeded": len(states)}
        assert received == set(states), "sent is exactly what is stored"
        finals = dict(
            self.query(
                "SELECT delivery_id::text, count(*) FILTER (WHERE is_final) FROM analytics_webhookcall"
                " WHERE target_id = ANY(%s) GROUP BY 1"
            )
        )
        assert finals == dict.fromkeys(states, 1), "each delivery has exactly one final call row"
        counted = [(len(states), self.calls())]
        assert counted == self.query(
            "SELECT sum(total_calls)::int, sum(attempts)::int FROM webhooks_webhookstats WHERE webhook_id = ANY(%s)"
        )
        assert counted == self.query(
            "SELECT sum(calls)::int, sum(attempts)::int FROM analytics_hourlyrollup WHERE target_id = ANY(%s)"
        )
        assert self.waiting() == 0


def places(scene: Scene, *, of_each: int = 16) -> int:
    """Return how many requests may be on the wire at once: what a killed engine had sent is sent again."""
    return of_each * len(scene.webhooks)
