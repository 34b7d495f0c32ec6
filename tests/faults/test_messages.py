"""A message is on the wire when its worker is killed: it is parked, never sent again, and settled by its callback."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row
from tests.faults.scene import Scene
from tests.running_site import ROOT, wait_until

pytestmark = pytest.mark.faults
Note = Callable[[Row], Row]

# Python imports this by itself when it starts: the worker knows a provider more, whose address is the test's receiver.
_SITECUSTOMIZE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from integrations.providers import registry
registry.PROVIDERS["carrier"] = "tests.integrations.messaging.carrier.carrier"
"""
PLACES = 16
COUNT = 40
RECOVERY_SECONDS = 45


def states(site: FaultSite, ids: list[str]) -> dict[str, str]:
    return dict(site.query("SELECT id::text, state FROM messaging_message WHERE id = ANY(%s::uuid[])", ids))


def test_what_was_on_the_wire_is_parked_and_settled_by_its_callback(
    site: FaultSite, scene: Scene, note: Note, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    worker = site.run_worker(python_path=tmp_path)
    (child,) = worker.children()
    receiver = scene.receiver
    receiver.answer("/messages", delay=60)
    site.ask(do="message", base_url=receiver.url("").rstrip("/"), count=COUNT)
    ids: list[str] = site.answer()
    receiver.wait_for(PLACES, path="/messages", timeout=60)
    site.until_hints_arrive()

    child.kill()
    killed = time.monotonic()
    receiver.answer("/messages", status=201, body={"sid": "SM1"})
    site.wait_for_engines(worker)
    wait_until(
        lambda: "accepted" not in states(site, ids).values(), f"all is decided ({site.log_path})", RECOVERY_SECONDS
    )
    seconds = time.monotonic() - killed

    sent = [request.json()["id"] for request in receiver.to("/messages")]
    assert sorted(sent) == sorted(ids), "each went out exactly once"
    on_the_wire, later = set(sent[:PLACES]), set(sent[PLACES:])
    found = states(site, ids)
    assert {found[key] for key in on_the_wire} == {"unknown"}
    assert {found[key] for key in later} == {"sent"}
    assert site.query("SELECT count(*) FROM webhooks_due WHERE delivery_id = ANY(%s::uuid[])", ids) == [(0,)]
    deliveries: dict[str, Any] = dict(
        site.query("SELECT id::text, state FROM webhooks_delivery WHERE id = ANY(%s::uuid[])", ids)
    )
    assert {deliveries[key] for key in on_the_wire} == {"unknown"}

    site.ask(do="call_back", messages=sorted(on_the_wire))
    assert site.answer() == PLACES
    assert set(states(site, ids).values()) == {"sent", "delivered"}
    assert len(receiver.to("/messages")) == COUNT
    note(
        Row(
            "kill -9 of a worker with messages on the wire",
            accepted=COUNT,
            delivered=COUNT,
            lost=0,
            duplicated=len(sent) - len(set(sent)),
            calls=len(later),
            seconds=seconds,
            note=f"{PLACES} parked, then settled by callbacks",
        )
    )
