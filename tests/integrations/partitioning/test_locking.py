"""Partitions are made and dropped beside writers, readers and rivals: with other connections, and really committed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import pytest
from django.db import connection, transaction

from integrations.partitioning import partitions
from integrations.partitioning.days import partition_name
from integrations.partitioning.partitions import (
    PartitionBusyError,
    list_partitions,
    make_partitions,
    remove_partitions_before,
)
from tests.integrations.isolation.databases import connected
from tests.integrations.partitioning.tables import TABLE, drop_day, id_of, in_days, partition_of, write_payload
from webhooks.models import Payload

T = TypeVar("T")


@pytest.fixture
def missing_day(transactional_db: None) -> Iterator[str]:
    """A day without a partition, with a stray in the default one; whole again afterwards."""
    drop_day(in_days(1))
    write_payload(id_of(in_days(1)))
    yield partition_name(TABLE, in_days(1))
    make_partitions()


@pytest.fixture
def past_day(transactional_db: None) -> Iterator[str]:
    """A partition past its retention."""
    write_payload(id_of(in_days(-3)))
    make_partitions()
    yield partition_name(TABLE, in_days(-3))
    drop_day(in_days(-3))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "LOCK_TRIES", 2)
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT_MS", 20)
    monkeypatch.setattr(partitions, "_PAUSE_SECONDS", 0.01)


def test_makes_each_partition_once_when_several_processes_make_them(missing_day: str) -> None:
    made = _four_at_once(make_partitions)

    assert sorted(name for names in made for name in names) == [missing_day]
    assert partition_of(Payload.objects.get().id) == missing_day


def test_drops_each_partition_once_when_several_processes_drop_them(past_day: str) -> None:
    dropped = _four_at_once(lambda: list(remove_partitions_before(Payload, in_days(0), dry_run=False)))

    assert [part.name for parts in dropped for part in parts] == [past_day]
    assert past_day not in {part.name for part in list_partitions(Payload)}


def test_makes_partitions_beside_an_open_writer_of_another_day(missing_day: str) -> None:
    with _another_transaction(f"INSERT INTO {TABLE} VALUES ('{id_of(in_days(2))}', '{id_of(in_days(2))}', '')"):
        assert make_partitions() == [missing_day]


def test_moves_a_stray_whose_writer_commits_while_the_partition_is_made(
    missing_day: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT_MS", 10_000)
    stray = id_of(in_days(1))
    with ThreadPoolExecutor(1) as maker, connected(connection.settings_dict["NAME"]) as writer:
        with writer.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"INSERT INTO {TABLE} VALUES ('{stray}', '{stray}', '')")
            made = maker.submit(_closing_its_connection(make_partitions))
            _wait_until_somebody_waits_for(f"{TABLE}_default")
            cursor.execute("COMMIT")
        assert made.result(timeout=10) == [missing_day]

    assert partition_of(stray) == missing_day


def test_gives_up_when_the_default_partition_stays_locked(missing_day: str, impatient: None) -> None:
    with _another_transaction(f"SELECT 1 FROM {TABLE}_default"), pytest.raises(PartitionBusyError, match=TABLE):
        make_partitions()

    assert make_partitions() == [missing_day]


def test_gives_up_a_drop_beside_an_open_reader_and_blocks_nobody_for_long(past_day: str, impatient: None) -> None:
    with _another_transaction(f"SELECT 1 FROM {TABLE}"), pytest.raises(PartitionBusyError):
        list(remove_partitions_before(Payload, in_days(0), dry_run=False))

    assert past_day in {part.name for part in list_partitions(Payload)}


def test_drops_as_soon_as_the_reader_has_ended(past_day: str, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = _another_transaction(f"SELECT 1 FROM {TABLE}")
    reader.__enter__()
    waits: list[float] = []

    def end_the_reader(seconds: float) -> None:
        waits.append(seconds)
        reader.__exit__(None, None, None)

    monkeypatch.setattr("integrations.partitioning.partitions.time.sleep", end_the_reader)

    assert [part.name for part in list(remove_partitions_before(Payload, in_days(0), dry_run=False))] == [past_day]
    assert waits == [0.2]


def test_leaves_no_lock_timeout_behind(missing_day: str) -> None:
    make_partitions()

    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",)


def test_refuses_to_hold_its_locks_until_an_outer_transaction_ends(missing_day: str) -> None:
    with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
        make_partitions()


@contextmanager
def _another_transaction(statement: str) -> Iterator[None]:
    """Hold the locks of a statement in another connection's open transaction."""
    with connected(connection.settings_dict["NAME"]) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(statement)
        yield
        cursor.execute("ROLLBACK")


def _four_at_once(work: Callable[[], list[T]]) -> list[list[T]]:
    start = threading.Barrier(4)

    def process(_number: int) -> list[T]:
        start.wait(timeout=10)
        return _closing_its_connection(work)()

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(process, range(4)))


def _closing_its_connection(work: Callable[[], list[T]]) -> Callable[[], list[T]]:
    def run() -> list[T]:
        try:
            return work()
        finally:
            connection.close()

    return run


def _wait_until_somebody_waits_for(table: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass", [table])
            if cursor.fetchone() != (0,):
                return
    raise AssertionError(f"nobody waits for {table}")
