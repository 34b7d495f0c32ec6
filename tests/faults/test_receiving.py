"""Receiving while what receives is killed, and its database restarted, under a stream of signed requests of GitHub."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest

from tests.faults.fault_site import FaultSite
from tests.faults.github_stream import SENDERS, GitHubStream, new_secret
from tests.faults.matrix import Row
from tests.faults.scene import Scene
from tests.running_site import wait_until

pytestmark = pytest.mark.faults
Report = Callable[..., Row]

# What was stored and not published is published after 20 s, by a task that runs every 10 s.
SWEEP_SECONDS = 50
_BY_GUID = """
    SELECT request.headers ->> 'x-github-delivery', delivery.id::text, event.created_at - request.received_at > '15 s'
    FROM webhooks_inboundrequest AS request
    JOIN webhooks_event AS event ON request.event_ids ? event.id::text
    JOIN webhooks_delivery AS delivery ON delivery.event_id = event.id
    WHERE request.receiver_id = %s AND request.state = 'published'
"""
_STATES = "SELECT state, count(*)::int FROM webhooks_inboundrequest WHERE receiver_id = %s GROUP BY state"


class Inbox:
    """A receiver of GitHub's with a webhook that is sent what arrives, and a web process that receives."""

    def __init__(self, site: FaultSite, scene: Scene) -> None:
        self._site, self._scene = site, scene
        self.secret = new_secret()
        site.run_worker()
        site.start_web()
        [webhook] = scene.add_webhooks("/a", event_types=["github.*"])
        site.ask(do="receive", webhook=webhook, provider="github", secret=self.secret)
        self.id = site.answer()
        self.url = f"{site.url}/api/webhooks/in/{self.id}"

    def states(self) -> dict[str, int]:
        return dict(self._site.query(_STATES, self.id))

    def settle(self, stream: GitHubStream, since: float) -> tuple[float, str]:
        """Wait until nothing is left to be published or sent; return seconds since then, and what is to be noted.

        Asserts that everything answered 200 was published once, and nothing twice.
        """
        wait_until(lambda: "stored" not in self.states(), "the sweep has published the rest", SWEEP_SECONDS)
        self._scene.settle(time.monotonic())
        seconds = time.monotonic() - since
        found = self._site.query(_BY_GUID, self.id)
        times = Counter(guid for guid, _, _ in found)
        assert set(times.values()) == {1}, "nothing is published twice"
        assert stream.answered <= set(times), "what was answered 200 is published"
        assert set(times) <= stream.answered | stream.left
        deliveries = {guid: delivery_id for guid, delivery_id, _ in found}
        self._scene.told([deliveries[guid] for guid in stream.answered])
        arrived = Counter(request.json()["guid"] for request in self._scene.requests())
        assert arrived == times, "and sent as often"
        swept = sum(is_late for _, _, is_late in found)
        note = (
            f"{stream.repeated + len(stream.left)} requests without 200, {swept} published by the sweep,"
            f" {self.states().get('duplicate', 0)} repetitions recognised"
        )
        return seconds, note


def go_on(stream: GitHubStream, count: int) -> None:
    """Return when so many more were answered."""
    wanted = len(stream.answered) + count
    wait_until(lambda: len(stream.answered) >= wanted, f"{count} more requests are answered", 60)


@contextmanager
def stuck_between_storing_and_publishing(site: FaultSite, inbox: Inbox) -> Iterator[None]:
    """Hold what publishing needs until every sender's request is stored."""
    with psycopg.connect(site.database_url) as connection:
        connection.execute("LOCK TABLE webhooks_inboundkey IN SHARE MODE")
        wait_until(lambda: inbox.states().get("stored", 0) >= SENDERS, "requests are stored and not published")
        yield
        connection.rollback()


def test_what_is_received_is_published_once_when_the_web_process_is_killed(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    inbox = Inbox(site, scene)
    with GitHubStream(inbox.url, inbox.secret) as stream:
        go_on(stream, 100)
        with stuck_between_storing_and_publishing(site, inbox):
            site.web_process().kill()
        go_on(stream, 100)  # gunicorn has made another
        site.stop("web", signal.SIGKILL)
        killed = time.monotonic()
        site.start_web()
        go_on(stream, 100)
    assert len(stream.left) > 0, "some were not repeated"
    seconds, note = inbox.settle(stream, killed)

    row = report("kill -9 of the web process and of all of gunicorn", seconds=seconds, note=note)
    assert inbox.states().get("duplicate", 0) > 0, "a repetition of what was stored is no second event"
    assert row.duplicated == 0


def test_what_is_received_is_published_once_when_postgresql_restarts(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    inbox = Inbox(site, scene)
    with GitHubStream(inbox.url, inbox.secret) as stream:
        for at_once in (False, True):
            go_on(stream, 100)
            site.servers.stop_postgres(at_once=at_once)
            site.servers.start_postgres()
            answers = time.monotonic()
        go_on(stream, 100)
    assert stream.repeated > 0, "a refusal says that nothing is promised"
    seconds, note = inbox.settle(stream, answers)

    row = report("PostgreSQL restarted (fast, immediate) while receiving", seconds=seconds, note=note)
    assert row.duplicated == 0
