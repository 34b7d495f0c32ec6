"""Host names whose name servers never answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from integrations.egress.lookup import LOOKUP_THREADS
from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row
from tests.faults.scene import Scene

pytestmark = pytest.mark.faults
Report = Callable[..., Row]

# Python imports this by itself when it starts. A name under `dead.example.net` hangs, in the system's call and with a
# thread, exactly as long as the flag is there; the others lead to the loopback address.
_SITECUSTOMIZE = """
import os, socket, time

_look_up = socket.getaddrinfo

def look_up(host, port, *arguments, **keywords):
    if not str(host).endswith(".example.net"):
        return _look_up(host, port, *arguments, **keywords)
    while host.endswith(".dead.example.net") and os.path.exists({flag!r}):
        time.sleep(0.05)
    return _look_up("127.0.0.1", port, *arguments, **keywords)

socket.getaddrinfo = look_up
"""
HANG_SECONDS = 6


@pytest.mark.parametrize("names", [20, 100])
def test_nothing_is_lost_when_names_never_resolve(
    site: FaultSite, scene: Scene, report: Report, tmp_path: Path, names: int
) -> None:
    """Fewer names than there are threads to resolve them stop nobody; more make names that are new wait for a thread."""
    flag = tmp_path / "dead"
    flag.touch()
    (tmp_path / "sitecustomize.py").write_text(_SITECUSTOMIZE.format(flag=str(flag)))
    port = urlsplit(scene.receiver.url()).port
    site.run_worker(python_path=tmp_path)
    dead = scene.add_webhooks(
        *(f"http://{number}.dead.example.net:{port}/dead" for number in range(names)), timeout_ms=1000
    )
    good = scene.add_webhooks(*(f"http://{number}.good.example.net:{port}/good" for number in range(5)))

    scene.accept(names, webhooks=dead)
    scene.accept(50 * HANG_SECONDS, webhooks=good, per_second=50)
    assert not scene.receiver.to("/dead")
    flag.unlink()
    seconds = scene.settle(time.monotonic())
    delays = scene.first_delays(good)

    row = report(f"{names} host names never resolve", seconds=seconds, note=f"others' first arrival {delays}")
    assert row.duplicated == 0
    if names < LOOKUP_THREADS:
        assert delays.share(0.99) < 1000
    failures = scene.query("SELECT error_kind FROM analytics_webhookcall WHERE target_id = ANY(%s) AND NOT success")
    assert {kind for (kind,) in failures} == {"timeout"}
