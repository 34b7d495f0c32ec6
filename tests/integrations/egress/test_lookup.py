from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from integrations.egress.lookup import Lookups


def test_lookups_run_at_once_up_to_the_limit_and_then_in_order() -> None:
    released = threading.Semaphore(0)
    begun: list[str] = []

    def look_up(host: str, *_: Any) -> list[Any]:
        begun.append(host)
        released.acquire(timeout=10)
        return [host]

    lookups = Lookups(look_up, threads=2)
    futures = [lookups.start(host, 80) for host in "abcd"]
    assert begun == ["a", "b"]

    for _ in futures:
        released.release()
    assert [future.result(timeout=10) for future in futures] == [["a"], ["b"], ["c"], ["d"]]
    assert sorted(begun) == ["a", "b", "c", "d"]


def test_lookups_skip_what_nobody_waits_for_any_more() -> None:
    released = threading.Event()
    begun: list[str] = []

    def look_up(host: str, *_: Any) -> list[Any]:
        begun.append(host)
        released.wait(10)
        return [host]

    lookups = Lookups(look_up, threads=1)
    lookups.start("a", 80)
    given_up, wanted = lookups.start("b", 80), lookups.start("c", 80)
    assert given_up.cancel()
    released.set()

    assert wanted.result(timeout=10) == ["c"]
    assert begun == ["a", "c"]


def test_lookups_go_on_after_a_failure() -> None:
    def look_up(host: str, *_: Any) -> list[Any]:
        if host == "bad":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [host]

    lookups = Lookups(look_up, threads=1)
    failed: Future[Any] = lookups.start("bad", 80)

    with pytest.raises(socket.gaierror):
        failed.result(timeout=10)
    assert lookups.start("good", 80).result(timeout=10) == ["good"]


@pytest.mark.parametrize("host", ["", "a..b", "a" * 64 + ".example"])
def test_lookups_raise_os_error_when_the_name_is_not_valid(host: str) -> None:
    def look_up(host: str, *_: Any) -> list[Any]:
        return [host.encode("idna")] if host else []

    with pytest.raises(OSError):
        Lookups(look_up).start(host, 80).result(timeout=10)


def test_process_ends_though_a_lookup_hangs() -> None:
    program = (
        "import time; from integrations.egress.lookup import Lookups; "
        "Lookups(lambda *_: time.sleep(60)).start('hook.example', 80)"
    )
    started = time.monotonic()

    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)

    assert time.monotonic() - started < 20
