from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config import health
from config.models import EncryptionCanary
from integrations.activity.actor import Actor
from integrations.encryption.data_keys import create_data_key, forget_data_keys
from integrations.encryption.models import DataKey
from integrations.models import Tenant
from tests.running_site import wait_until
from webhooks.models import Due
from webhooks.services.calls import call_webhook
from webhooks.services.webhooks import create_webhook

NAMES = ["database", "migrations", "broker", "encryption", "deliveries"]
READY = {"status": "ok", "checks": dict.fromkeys(NAMES, "ok")}


def failing(*names: str) -> dict[str, object]:
    checks = {**dict.fromkeys(NAMES, "ok"), **dict.fromkeys(names, "failing")}
    return {"status": "failing", "checks": checks}


def test_the_process_probe_touches_nothing(client: Client) -> None:
    response = client.get("/healthz")  # without the database fixture, a query would fail

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response.headers["Cache-Control"]


def test_answers_balancers_which_ask_by_address(transactional_db: None, client: Client) -> None:
    assert client.get("/healthz", HTTP_HOST="10.0.0.5:8000").status_code == 200
    assert client.get("/readyz", HTTP_HOST="10.0.0.5:8000").status_code == 200
    assert client.get("/admin/", HTTP_HOST="10.0.0.5:8000").status_code == 400


def test_is_ready_when_every_check_passes(transactional_db: None, client: Client) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, READY)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_answers_only_reads(transactional_db: None, client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
    assert client.head(path).status_code == 200


def test_names_the_broker_when_it_is_away(transactional_db: None, client: Client, settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://:pa55word@127.0.0.1:9/0"

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, failing("broker"))
    assert b"pa55word" not in response.content


def test_names_the_migrations_when_one_is_missing(transactional_db: None, client: Client) -> None:
    health._migrations_applied.cache_clear()
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("webhooks")
    MigrationRecorder(connection).record_unapplied(*newest)

    assert client.get("/readyz").json() == failing("migrations")

    MigrationRecorder(connection).record_applied(*newest)
    assert client.get("/readyz").json() == READY  # what failed once is asked again


def test_names_the_encryption_when_the_key_is_wrong(
    transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "encryption_problems", lambda: ["ENCRYPTION_KEY is not the one of this database."])

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, failing("encryption"))


def test_names_the_database_when_it_does_not_answer(
    transactional_db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise DatabaseError("connection refused to db.internal")

    monkeypatch.setitem(health.CHECKS, "database", refuse)

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, failing("database"))
    assert b"db.internal" not in response.content


def test_opens_a_stored_value_and_not_only_compares_names_of_keys(transactional_db: None, client: Client) -> None:
    assert client.get("/readyz").json() == READY
    canary = EncryptionCanary.objects.get()
    assert client.get("/readyz").json() == READY
    stored = canary.value.stored
    assert EncryptionCanary.objects.get().value.stored == stored  # made once

    DataKey.objects.filter(tenant=None).update(state="retired")
    create_data_key(tenant_id=None)
    changed = stored[:-1] + ("0" if stored[-1] != "0" else "1")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE config_encryptioncanary SET value = %s", [changed])
    assert client.get("/readyz").json() == failing("encryption")

    with connection.cursor() as cursor:
        cursor.execute("UPDATE config_encryptioncanary SET value = %s", [stored])
    forget_data_keys()
    assert client.get("/readyz").json() == READY


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """What a check waits for that hangs."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize(
    ("hangs", "fail"), [("broker", ["broker"]), ("migrations", ["migrations", "encryption", "deliveries"])]
)
def test_a_server_that_hangs_does_not_hang_the_probe(
    transactional_db: None,
    client: Client,
    monkeypatch: pytest.MonkeyPatch,
    hanging: threading.Event,
    hangs: str,
    fail: list[str],
) -> None:
    monkeypatch.setattr(health, "READY_SECONDS", 0.3)
    monkeypatch.setitem(health.CHECKS, hangs, lambda: (hanging.wait(), None)[1])
    started = time.monotonic()
    for _ in range(3):
        assert client.get("/readyz").json() == failing(*fail)
    assert time.monotonic() - started < 5
    checkers = [thread for thread in threading.enumerate() if thread.name.startswith("check-")]
    assert len(checkers) == 1  # the one that hangs; nobody starts another beside it

    hanging.set()
    wait_until(lambda: not any(thread.is_alive() for thread in checkers), "the thread ended")
    monkeypatch.undo()
    assert client.get("/readyz").json() == READY


def test_a_frozen_broker_is_given_up_in_time(transactional_db: None, client: Client, settings: Settings) -> None:
    """It takes the connection, as the kernel does for a process that is stopped, and never says a word."""
    with socket.socket() as frozen:
        frozen.bind(("127.0.0.1", 0))
        frozen.listen()
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{frozen.getsockname()[1]}/0"
        started = time.monotonic()
        assert client.get("/readyz").json() == failing("broker")
        assert time.monotonic() - started < 5


@pytest.fixture
def due(tenant: Tenant, admin_actor: Actor) -> Due:
    """A delivery that is due since ten minutes, and nobody there to send it."""
    webhook = create_webhook(
        actor=admin_actor, tenant=tenant, workflow_name="orders", url="http://127.0.0.1:9/", event_types=["*"]
    )
    call_webhook(webhook, {"order": 1})
    Due.objects.update(due_at=timezone.now() - timedelta(minutes=10))
    return Due.objects.get()


def test_says_how_long_deliveries_wait_when_that_is_too_long(
    transactional_db: None, client: Client, settings: Settings, due: Due
) -> None:
    response = client.get("/readyz")
    seconds = response.json().pop("delivery_lag_seconds")
    assert response.status_code == 503
    assert 600 <= seconds < 660
    assert response.json()["checks"] == failing("deliveries")["checks"]

    settings.READY_MAX_DELIVERY_LAG_SECONDS = 900
    assert client.get("/readyz").json() == READY
    settings.READY_MAX_DELIVERY_LAG_SECONDS = 0  # it does not look
    assert client.get("/readyz").json() == READY
