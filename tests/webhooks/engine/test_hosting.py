"""A real Celery worker process hosts the engine."""

from __future__ import annotations

import os
import signal

import psutil
import pytest

from analytics.models import WebhookCall
from config.celery import app
from tests.engine_process import drain, wait_until, worker_process
from tests.receiver import Receiver
from webhooks.engine.hosting import _Host
from webhooks.models import Delivery, Due, Engine, Webhook
from webhooks.services.calls import call_webhook
from webhooks.tasks import drain as drain_task

pytestmark = pytest.mark.processes


def test_a_worker_delivers_and_goes_on_when_its_child_is_killed_and_stops_in_order(
    webhook: Webhook, receiver: Receiver
) -> None:
    receiver.answer("/hook", delay=1.0, times=1)
    with worker_process() as worker:
        # The engine sends before Celery's main process is ready, and a child that dies that early ends the worker.
        wait_until(lambda: app.control.ping(timeout=0.5), timeout=60, what="the worker answers")
        first = call_webhook(webhook, {"n": 1})
        receiver.wait_for(1, timeout=60)
        (child,) = [
            process for process in psutil.Process(worker.pid).children() if process.pid == Engine.objects.get().pid
        ]

        child.send_signal(signal.SIGKILL)  # in the middle of the first request
        child.wait(10)
        assert Delivery.objects.get().state == "pending"
        assert Due.objects.get().lease_by is not None
        Engine.objects.update(heartbeat_at="2020-01-01T00:00:00Z")  # instead of 20 s of silence
        second = call_webhook(webhook, {"n": 2})
        drain(timeout=60)

        assert {delivery.state for delivery in Delivery.objects.all()} == {"succeeded"}
        ids = [request.headers["webhook-id"] for request in receiver.requests]
        assert sorted(ids) == sorted([str(first.delivery_id), str(first.delivery_id), str(second.delivery_id)])
        assert WebhookCall.objects.filter(is_final=True).count() == 2

        receiver.answer("/hook", delay=1.0, times=1)
        call_webhook(webhook, {"n": 3})
        receiver.wait_for(4)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

    assert WebhookCall.objects.filter(is_final=True, success=True).count() == 3
    assert not Due.objects.exists()
    assert not Engine.objects.exists()


@pytest.fixture
def host(transactional_db: None) -> _Host:
    return _Host()


def test_the_first_hint_starts_one_engine_and_stop_ends_it(host: _Host) -> None:
    host.ensure_running()
    host.ensure_running()
    wait_until(Engine.objects.exists)
    assert Engine.objects.get().pid == os.getpid()

    host.stop()

    assert not Engine.objects.exists()
    host.ensure_running()
    assert not Engine.objects.exists(), "a process that is about to end starts no engine"


def test_the_main_process_tells_its_children_to_stop(host: _Host) -> None:
    host.announce_stop()  # before anything is prepared: nobody to tell
    assert not host.should_stop()
    host.prepare()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reader, 1)
        os._exit(7 if host.should_stop() else 0)

    host.announce_stop()
    os.write(writer, b"x")

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


def test_the_drain_task_has_the_name_that_hints_and_the_schedule_use() -> None:
    assert drain_task.name == "webhooks.drain"
