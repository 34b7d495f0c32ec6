"""A script that Redis runs: sent by its digest, whatever happened to Redis or to the connection meanwhile."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import redis
from django.conf import settings

from integrations.redis_script import RedisScript

ADD = "return redis.call('INCRBY', KEYS[1], ARGV[1])"


@pytest.fixture
def script() -> RedisScript:
    return RedisScript(settings.REDIS_PY_URL, ADD, timeout=2)


@pytest.fixture
def key() -> str:
    return f"test:{uuid4()}"


def test_is_run_with_its_keys_and_arguments(script: RedisScript, key: str) -> None:
    assert [script.run(1, key, number) for number in (1, 2, 2)] == [1, 3, 5]


def test_is_run_by_many_threads_at_once(script: RedisScript, key: str) -> None:
    with ThreadPoolExecutor(8) as threads:
        answers = sorted(threads.map(lambda _: script.run(1, key, 1), range(400)))

    assert answers == list(range(1, 401))


def test_is_sent_again_when_redis_forgot_it(script: RedisScript, key: str) -> None:
    script.run(1, key, 1)
    redis.Redis.from_url(settings.REDIS_PY_URL).script_flush()

    assert [script.run(1, key, 1), script.run(1, key, 1)] == [2, 3]


def test_takes_a_new_connection_when_redis_ended_the_old_one(script: RedisScript, key: str) -> None:
    script.run(1, key, 1)
    (connection,) = script._idle
    client = redis.Redis.from_url(settings.REDIS_PY_URL)
    ended = [each for each in client.client_list() if each["addr"] == _own_address(connection)]
    if ended:
        client.client_kill_filter(_id=ended[0]["id"])
    else:  # a UNIX socket has no address to find the connection by
        connection._sock.shutdown(2)

    assert script.run(1, key, 1) == 2
    assert list(script._idle) != [connection]


def _own_address(connection: object) -> str:
    name = connection._sock.getsockname()  # type: ignore[attr-defined]
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else ""


def test_an_error_of_the_script_is_raised_and_the_next_run_is_none_the_wiser(script: RedisScript, key: str) -> None:
    with pytest.raises(redis.ResponseError):
        script.run(1, key, "no number")

    assert script.run(1, key, 1) == 1
