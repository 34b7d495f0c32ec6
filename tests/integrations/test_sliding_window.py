"""Counting in Redis: exactly, by several processes together, and without Redis."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import redis
from django.conf import settings
from structlog.testing import capture_logs

from config.embedded import EmbeddedServers
from config.redis_address import redis_py_url
from integrations.sliding_window import Limit, SlidingWindow, Standing
from tests.servers import remove

DECADE = 10 * 365 * 24 * 3600  # no test crosses its end

# One of several processes: takes 40 times in 4 threads and prints how many requests were allowed.
PROCESS = """
import sys
from concurrent.futures import ThreadPoolExecutor
from integrations.sliding_window import Limit, SlidingWindow

url, key, other = sys.argv[1:]
counts = SlidingWindow(url, window={window})
limits = [Limit("key", key, 50), Limit("tenant", other, 1000)]
with ThreadPoolExecutor(4) as pool:
    print(sum(taken.allowed for taken in pool.map(lambda _: counts.take(limits), range(40))))
"""


@pytest.fixture
def url() -> str:
    return settings.REDIS_PY_URL


@pytest.fixture
def key() -> str:
    return f"test:{{{uuid4()}}}"


class OwnRedis:
    """A Redis to stop and to freeze."""

    def __init__(self, servers: EmbeddedServers) -> None:
        self.url = redis_py_url(servers.start_redis())
        self.pid = int(redis.Redis.from_url(self.url).info("server")["process_id"])

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


@pytest.fixture
def own_redis() -> Iterator[OwnRedis]:
    folder = Path(tempfile.mkdtemp(prefix="signalbox-tests-", dir="/tmp"))
    folder.chmod(0o711)
    with EmbeddedServers(folder, durable=False, say=lambda _: None) as servers:
        made = OwnRedis(servers)
        yield made
        if servers.lost() == []:
            made.signal(signal.SIGCONT)
    remove(folder)


def stored(url: str, key: str, *, window: int, behind: int, current: int, previous: int) -> None:
    """Write what was counted in an earlier window, and in the one before it."""
    client = redis.Redis.from_url(url)
    seconds, _ = client.time()
    fields = {"window": seconds // window - behind, "current": current, "previous": previous}
    client.hset(key, mapping=fields)


def test_counts_to_the_limit_and_no_further(url: str, key: str) -> None:
    counts = SlidingWindow(url, window=DECADE)
    taken = [counts.take([Limit("key", key, 3)]) for _ in range(5)]

    assert [answer and answer.allowed for answer in taken] == [True, True, True, False, False]
    assert [answer and answer.standings[0].remaining for answer in taken] == [2, 1, 0, 0, 0]
    assert [answer and answer.standings[0].current for answer in taken] == [1, 2, 3, 3, 3]


def test_counts_for_all_limits_or_for_none(url: str, key: str) -> None:
    counts = SlidingWindow(url, window=DECADE)
    limits = [Limit("key", f"{key}:a", 5), Limit("tenant", key, 1)]
    first, second = counts.take(limits), counts.take(limits)

    assert first is not None
    assert second is not None
    assert (first.allowed, second.allowed) == (True, False)
    assert [(standing.limit.name, standing.current, standing.is_used_up) for standing in second.standings] == [
        ("key", 1, False),
        ("tenant", 1, True),
    ]


@pytest.mark.parametrize(("behind", "current", "previous"), [(0, 7, 4), (1, 0, 7), (2, 0, 0)])
def test_moves_counts_on_when_windows_have_passed(url: str, key: str, behind: int, current: int, previous: int) -> None:
    stored(url, key, window=DECADE, behind=behind, current=7, previous=4)
    taken = SlidingWindow(url, window=DECADE).take([Limit("key", key, 100)])

    assert taken is not None
    assert (taken.standings[0].current, taken.standings[0].previous) == (current + 1, previous)


def test_keeps_counts_no_longer_than_they_count(url: str, key: str) -> None:
    SlidingWindow(url, window=3600).take([Limit("key", key, 3)])

    assert 0 < int(redis.Redis.from_url(url).ttl(key)) <= 7200


@pytest.mark.parametrize(
    ("count", "current", "previous", "elapsed", "remaining", "wait"),
    [
        (1000, 1, 0, 0.0, 999, 0),
        (1000, 0, 1000, 900.0, 250, 0),  # three quarters of the hour before count still
        (1000, 250, 1000, 900.0, 0, 4),  # one more when 1.0 of the 1,000 has slid out: after 3.6 s
        (1000, 1000, 0, 1800.0, 0, 1804),  # the rest of this hour, and 3.6 s of the next
        (1, 1, 0, 0.0, 0, 7200),
    ],
)
def test_tells_what_is_left_and_for_how_long_to_wait(
    count: int, current: int, previous: int, elapsed: float, remaining: int, wait: int
) -> None:
    standing = Standing(Limit("key", "k", count), current, previous, elapsed, 3600)

    assert (standing.remaining, standing.wait) == (remaining, wait)
    assert standing.is_used_up == (wait > 0)


def test_waiting_as_told_is_enough() -> None:
    for previous, current, elapsed in [(900, 100, 17.5), (999, 1, 0.2), (1000, 999, 3599.9), (10, 995, 600.0)]:
        used = Standing(Limit("key", "k", 1000), current, previous, elapsed, 3600)
        later = elapsed + used.wait
        moved = (current, previous, later) if later < 3600 else (0, current, later - 3600)

        assert not Standing(used.limit, moved[0], moved[1], moved[2], 3600).is_used_up


def test_counts_exactly_when_processes_and_threads_ask_at_once(url: str, key: str) -> None:
    command = [sys.executable, "-c", PROCESS.replace("{window}", str(DECADE)), url, f"{key}:a", key]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    allowed = [int(process.communicate(timeout=60)[0]) for process in processes]

    assert sum(allowed) == 50


def test_lets_pass_and_says_so_once_when_redis_is_stopped(own_redis: OwnRedis, key: str) -> None:
    counts = SlidingWindow(own_redis.url, window=DECADE)
    limits = [Limit("key", key, 1)]
    assert counts.take(limits) is not None
    own_redis.signal(signal.SIGKILL)
    psutil.Process(own_redis.pid).wait(10)

    with capture_logs() as lines:
        assert [counts.take(limits) for _ in range(50)] == [None] * 50
    assert [line["event"] for line in lines] == ["request_limits_suspended"]


def test_costs_one_request_in_a_while_its_timeout_when_redis_is_frozen(
    own_redis: OwnRedis, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = SlidingWindow(own_redis.url, window=DECADE)
    limits = [Limit("key", key, 1000)]
    assert counts.take(limits) is not None
    own_redis.signal(signal.SIGSTOP)
    ask, asked = counts._script.run, []

    def note(*arguments: str | int) -> Any:
        asked.append(arguments)
        return ask(*arguments)

    monkeypatch.setattr(counts._script, "run", note)
    with capture_logs() as lines:
        started = time.monotonic()
        assert counts.take(limits) is None
        first = time.monotonic() - started
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(lambda _: counts.take(limits), range(100))) == [None] * 100
    assert 0.2 < first < 2
    assert len(asked) == 1  # the others did not wait for anything
    assert [line["event"] for line in lines] == ["request_limits_suspended"]


def test_counts_again_when_redis_is_back(own_redis: OwnRedis, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.sliding_window._PAUSE", 0.0)
    counts = SlidingWindow(own_redis.url, window=DECADE)
    limits = [Limit("key", key, 10)]
    own_redis.signal(signal.SIGSTOP)
    assert counts.take(limits) is None
    own_redis.signal(signal.SIGCONT)

    with capture_logs() as lines:
        taken = counts.take(limits)
    assert taken is not None
    assert taken.allowed
    assert [line["event"] for line in lines] == ["request_limits_resumed"]
