from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from integrations.encryption import heartbeat
from integrations.encryption.heartbeat import live_processes, start_heartbeat, stop_heartbeat
from integrations.encryption.keyring import keyring
from integrations.encryption.models import ProcessHeartbeat
from tests.integrations.encryption.site_processes import end, site_process
from tests.integrations.encryption.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    stop_heartbeat()


def beat(kind: str = "web") -> ProcessHeartbeat:
    """Start the heartbeat and return its row."""
    start_heartbeat(kind, beat_seconds=0.02)
    mine = ProcessHeartbeat.objects.filter(pid=os.getpid())
    wait_until(lambda: mine.exclude(master_fingerprints=[]).exists())
    return mine.get()


def test_says_who_this_is_and_which_keys_it_knows() -> None:
    row = beat("worker")

    assert (row.kind, row.host, row.pid) == ("worker", socket.gethostname()[:200], os.getpid())
    assert row.master_fingerprints == keyring().fingerprints
    assert list(live_processes()) == [row]


def test_goes_on_beating_in_the_same_row() -> None:
    row = beat()
    wait_until(lambda: ProcessHeartbeat.objects.get().seen_at > row.seen_at)

    assert ProcessHeartbeat.objects.get().pk == row.pk


def test_starting_twice_is_one_heartbeat() -> None:
    row = beat()
    start_heartbeat("web", beat_seconds=0.02)
    wait_until(lambda: ProcessHeartbeat.objects.get(pk=row.pk).seen_at > row.seen_at)

    assert ProcessHeartbeat.objects.count() == 1


def test_stopping_removes_the_row() -> None:
    beat()
    stop_heartbeat()

    assert not ProcessHeartbeat.objects.exists()


def test_writes_the_row_again_when_it_was_taken_for_dead() -> None:
    row = beat()
    ProcessHeartbeat.objects.all().delete()

    wait_until(lambda: ProcessHeartbeat.objects.exists())
    assert ProcessHeartbeat.objects.get().pk == row.pk


def test_a_killed_process_counts_for_a_minute_and_is_then_removed() -> None:
    killed = ProcessHeartbeat.objects.create(kind="worker", host="elsewhere", pid=1)
    set_age(killed, 58)
    assert list(live_processes()) == [killed]

    set_age(killed, 61)
    assert list(live_processes()) == []
    beat()
    wait_until(lambda: not ProcessHeartbeat.objects.filter(pk=killed.pk).exists())


def set_age(row: ProcessHeartbeat, seconds: int) -> None:
    ProcessHeartbeat.objects.filter(pk=row.pk).update(seen_at=Now() - timedelta(seconds=seconds))


def test_a_process_without_a_usable_key_says_that_it_knows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "ENCRYPTION_KEY", "")
    start_heartbeat("web", beat_seconds=0.02)
    wait_until(lambda: ProcessHeartbeat.objects.exists())

    assert ProcessHeartbeat.objects.get().master_fingerprints == []


def test_forgets_expired_data_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[None] = []
    monkeypatch.setattr(heartbeat, "forget_expired_data_keys", lambda: calls.append(None))
    beat()

    wait_until(lambda: len(calls) > 1)


def test_survives_the_loss_of_the_database() -> None:
    """The server refuses every new connection for a while, as when it restarts."""
    row = beat()
    parameters = {**connection.get_connection_params(), "cursor_factory": psycopg.Cursor, "dbname": "postgres"}
    with closing(psycopg.connect(**parameters, autocommit=True)) as server:
        allow = f"ALTER DATABASE {connection.settings_dict['NAME']} ALLOW_CONNECTIONS "
        server.execute(allow + "false")
        try:
            wait_until(lambda: heartbeat._running is not None and heartbeat._running._is_failing)
            lost_at = ProcessHeartbeat.objects.get(pk=row.pk).seen_at  # over the test's own, older connection
        finally:
            server.execute(allow + "true")

    wait_until(lambda: ProcessHeartbeat.objects.get(pk=row.pk).seen_at > lost_at)


def test_a_forked_process_reports_for_itself_and_both_leave_at_exit() -> None:
    with site_process("beat", key=settings.ENCRYPTION_KEY) as process:
        wait_until(lambda: ProcessHeartbeat.objects.count() == 2)
        rows = ProcessHeartbeat.objects.all()
        assert len({row.pid for row in rows}) == 2
        assert process.pid in {row.pid for row in rows}
        end(process)

    assert not ProcessHeartbeat.objects.exists()
