"""The suite's own servers: what each process of a run gets."""

from __future__ import annotations

import os

import pytest

from tests.servers import redis_database


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis+socket:///tmp/a/run/redis.sock", "redis+socket:///tmp/a/run/redis.sock?virtual_host=3"),
        ("redis+socket:///tmp/a/run/redis.sock?virtual_host=1", "redis+socket:///tmp/a/run/redis.sock?virtual_host=3"),
        ("redis://localhost:6379", "redis://localhost:6379/3"),
        ("redis://localhost:6379/0", "redis://localhost:6379/3"),
        ("redis://:pw@localhost:6379/0", "redis://:pw@localhost:6379/3"),
    ],
)
def test_redis_database_replaces_the_number(url: str, expected: str) -> None:
    assert redis_database(url, 3) == expected


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="only where several processes test at once")
def test_each_worker_has_a_redis_database_of_its_own() -> None:
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw")) + 1
    assert os.environ["REDIS_URL"] == redis_database(os.environ["REDIS_URL"], number)
