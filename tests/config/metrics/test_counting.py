"""What is counted where: requests and their waits, statements past Django's cursors, encryption, tasks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from celery import shared_task
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

import config.celery  # noqa: F401  (ties the signals)
from config.encryption_canary import canary_problems
from config.metrics.requests import count_request
from config.models import EncryptionCanary
from config.request_context import RequestContextMiddleware
from integrations.encryption.data_keys import destroy_data_keys, forget_data_keys
from integrations.encryption.errors import EncryptionError
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.process_metrics import ENCRYPTION, REQUEST, STATEMENT, TASK, Measured, metrics
from webhooks.models import Webhook
from webhooks.services.waiting import wait_for


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    metrics.take()
    yield
    metrics.take()


def counted(kind: str) -> dict[tuple[str, ...], Measured]:
    return {key[1:]: measured for key, measured in metrics.take().items() if key[0] == kind}


def through_middleware(answer: Callable[[HttpRequest], HttpResponse]) -> Measured:
    RequestContextMiddleware(answer)(RequestFactory().get("/x"))
    [measured] = counted(REQUEST).values()
    return measured


def test_a_request_is_counted_once_with_its_duration() -> None:
    measured = through_middleware(lambda request: time.sleep(0.06) or HttpResponse())
    assert measured.count == sum(measured.histogram) == 1
    assert 0.06 <= measured.seconds < 1


def test_what_a_caller_asked_to_wait_is_no_slowness(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delivery that never ends is waited for half a second, and the next request of the thread starts from nothing."""

    def answer(request: HttpRequest) -> HttpResponse:
        wait_for(tenant_id=tenant.id, delivery_ids=[uuid7()], seconds=0.5)
        return HttpResponse()

    started = time.monotonic()
    waited = through_middleware(answer)
    assert time.monotonic() - started >= 0.5
    assert waited.seconds < 0.4
    assert through_middleware(lambda request: time.sleep(0.06) or HttpResponse()).seconds >= 0.06


def test_counting_a_request_costs_next_to_nothing() -> None:
    """Far above what it takes (1.5 microseconds), so that a busy machine does not fail it; a query or a lock would."""
    request = RequestFactory().get("/x")
    started = time.process_time()
    for _ in range(10_000):
        count_request(request, 200, 0.01)
    assert (time.process_time() - started) / 10_000 < 50e-6


def test_statements_that_go_past_djangos_cursors_are_timed(db: None) -> None:
    with transaction.atomic(), connection.cursor() as wrapper:
        metrics.take()
        wrapper.cursor.execute("SELECT 1")
        wrapper.cursor.executemany("SELECT %s::int", [(1,), (2,)])
        with wrapper.cursor.copy("COPY config_requestminute (minute, count, seconds, histogram) FROM STDIN") as copy:
            copy.write_row(("2026-01-01T00:00Z", 1, 1.0, "{}"))
        with pytest.raises(Exception, match="NONSENSE"):
            wrapper.cursor.execute("NONSENSE")
        statements = counted(STATEMENT)
        transaction.set_rollback(True)
    assert {kind: measured.count for (kind,), measured in statements.items()} == {"select": 2, "copy": 1, "other": 1}


def test_opening_and_sealing_is_counted_by_how_it_went(transactional_db: None) -> None:
    assert canary_problems() == []
    canary = EncryptionCanary.objects.get()
    assert {key: measured.count for key, measured in counted(ENCRYPTION).items()} == {
        ("seal", "ok"): 1, ("open", "ok"): 1,
    }  # fmt: skip
    other = EncryptionCanary.objects.get()
    other.id = uuid7()
    with connection.cursor() as cursor:  # a value that was moved here from another row
        cursor.execute(
            "INSERT INTO config_encryptioncanary (id, value) VALUES (%s, %s)", [other.id, canary.value.stored]
        )
    with pytest.raises(EncryptionError):
        EncryptionCanary.objects.get(id=other.id).value.reveal()
    assert counted(ENCRYPTION)["open", "unreadable"].count == 1


def test_a_destroyed_key_and_one_that_is_not_at_hand_are_told_apart(tenant: Tenant) -> None:
    webhook = Webhook(tenant=tenant, workflow_name="orders")
    webhook.signing_secret = "whsec_" + "A" * 32
    webhook.save()
    stored = Webhook.objects.get(id=webhook.id)
    destroy_data_keys(tenant_id=tenant.id)
    forget_data_keys()
    metrics.take()
    with pytest.raises(EncryptionError):
        stored.signing_secret.reveal()
    assert set(counted(ENCRYPTION)) == {("open", "key_destroyed")}
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM integrations_datakey WHERE tenant_id = %s", [tenant.id])
    with pytest.raises(EncryptionError):
        stored.signing_secret.reveal()
    assert set(counted(ENCRYPTION)) == {("open", "key_not_at_hand")}


@shared_task(name="tests.counted")
def _counted(*, fails: bool) -> None:
    if fails:
        raise RuntimeError


def test_tasks_are_counted_by_how_they_ended() -> None:
    _counted.apply(kwargs={"fails": False})
    _counted.apply(kwargs={"fails": False})
    _counted.apply(kwargs={"fails": True})
    tasks = counted(TASK)
    assert {key: measured.count for key, measured in tasks.items()} == {
        ("tests.counted", "success"): 2, ("tests.counted", "failure"): 1,
    }  # fmt: skip
    assert 0 < tasks["tests.counted", "success"].seconds < 5
