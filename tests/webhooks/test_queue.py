"""Hints to the workers: cheap, few, and harmless when the broker is away."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest
from kombu.exceptions import OperationalError

from webhooks import queue
from webhooks.queue import HintSender


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    messages: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(queue.current_app, "send_task", lambda name, **options: messages.append((name, options)))
    return messages


def wait_for(sent: list[Any], count: int) -> None:
    give_up_at = time.monotonic() + 5
    while len(sent) < count:
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_many_hints_become_few_messages_that_expire(
    sent: list[tuple[str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "PAUSE", 0.2)
    sender = HintSender()

    for _ in range(1000):
        sender.hint()
    wait_for(sent, 2)  # the first at once; the second tells of what came while the first was being sent

    name, options = sent[0]
    assert (name, options["expires"], options["retry"]) == ("webhooks.drain", 5.0, False)
    assert len(sent) == 2


def test_a_hint_never_waits_for_the_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen, released = threading.Event(), threading.Event()

    def hang(*_: Any, **__: Any) -> None:
        frozen.set()
        released.wait(10)

    monkeypatch.setattr(queue.current_app, "send_task", hang)
    sender = HintSender()
    sender.hint()
    assert frozen.wait(5)

    started = time.monotonic()
    for _ in range(10_000):
        sender.hint()

    assert time.monotonic() - started < 1
    released.set()


def test_hints_go_on_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []

    def refuse(name: str, **_: Any) -> None:
        tries.append(name)
        if len(tries) == 1:
            raise OperationalError("connection refused")

    monkeypatch.setattr(queue, "PAUSE_AFTER_FAILURE", 0.05)
    monkeypatch.setattr(queue.current_app, "send_task", refuse)
    sender = HintSender()

    sender.hint()
    wait_for(tries, 1)
    sender.hint()
    wait_for(tries, 2)


def test_a_forked_process_sends_its_own_hints(sent: list[Any]) -> None:
    queue.hint()
    wait_for(sent, 1)
    queue._sender._lock.acquire()  # as if another thread of the parent were just starting the sender
    child = os.fork()
    if child == 0:
        signal.alarm(10)
        sent.clear()
        queue.hint()
        give_up_at = time.monotonic() + 5
        while not sent and time.monotonic() < give_up_at:
            time.sleep(0.01)
        os._exit(7 if sent else 0)
    queue._sender._lock.release()

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
