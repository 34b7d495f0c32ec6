from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from config import health

READY = {"status": "ok", "checks": dict.fromkeys(["database", "migrations", "broker", "encryption"], "ok")}


def failing(*names: str) -> dict[str, object]:
    checks = {
        **dict.fromkeys(["database", "migrations", "broker", "encryption"], "ok"),
        **dict.fromkeys(names, "failing"),
    }
    return {"status": "failing", "checks": checks}


def test_the_process_probe_touches_nothing(client: Client) -> None:
    response = client.get("/healthz")  # without the database fixture, a query would fail

    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert "no-store" in response.headers["Cache-Control"]


def test_answers_balancers_which_ask_by_address(db: None, client: Client) -> None:
    assert client.get("/healthz", HTTP_HOST="10.0.0.5:8000").status_code == 200
    assert client.get("/readyz", HTTP_HOST="10.0.0.5:8000").status_code == 200
    assert client.get("/admin/", HTTP_HOST="10.0.0.5:8000").status_code == 400


def test_is_ready_when_every_check_passes(db: None, client: Client) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, READY)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_answers_only_reads(db: None, client: Client, path: str) -> None:
    assert client.post(path).status_code == 405
    assert client.head(path).status_code == 200


def test_names_the_broker_when_it_is_away(db: None, client: Client, settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "redis://:pa55word@127.0.0.1:9/0"

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, failing("broker"))
    assert b"pa55word" not in response.content


def test_names_the_migrations_when_one_is_missing(db: None, client: Client) -> None:
    health._migrations_applied.cache_clear()
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("webhooks")
    MigrationRecorder(connection).record_unapplied(*newest)

    assert client.get("/readyz").json() == failing("migrations")

    MigrationRecorder(connection).record_applied(*newest)
    assert client.get("/readyz").json() == READY  # what failed once is asked again


def test_names_the_encryption_when_the_key_is_wrong(db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "encryption_problems", lambda: ["ENCRYPTION_KEY is not the one of this database."])

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, failing("encryption"))


def test_names_the_database_when_it_does_not_answer(db: None, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise DatabaseError("connection refused to db.internal")

    monkeypatch.setitem(health.CHECKS, "database", refuse)

    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (503, failing("database"))
    assert b"db.internal" not in response.content
