from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection

from integrations.models import Tenant
from integrations.partitioning.days import default_partition_name, partition_name
from integrations.partitioning.partitions import (
    Partition,
    count_default_rows,
    drop_removed_partitions,
    list_partitions,
    list_removed_partitions,
    make_partitions,
    partitioned_models,
    remove_partitions_before,
)
from tests.integrations.partitioning.tables import TABLE, drop_day, id_of, in_days, partition_of, write_payload
from webhooks.models import Delivery, Payload

pytestmark = pytest.mark.django_db


def test_knows_the_tables_of_the_settings() -> None:
    assert [model._meta.label for model in partitioned_models()] == settings.PARTITIONED_MODELS


@pytest.mark.parametrize("label", settings.PARTITIONED_MODELS)
def test_migrations_make_today_and_14_days_ahead_and_a_default(label: str) -> None:
    partitions = list_partitions(apps.get_model(label))

    assert {partition.day for partition in partitions} >= {*(in_days(days) for days in range(15)), None}
    assert partitions[-1].name == default_partition_name(apps.get_model(label)._meta.db_table)


def test_makes_nothing_when_nothing_is_missing() -> None:
    assert make_partitions() == []


def test_makes_what_is_missing_of_every_table() -> None:
    drop_day(in_days(3))

    made = make_partitions(days_ahead=15)

    assert made == [
        partition_name("webhooks_event", in_days(15)),
        partition_name("webhooks_payload", in_days(3)),
        partition_name("webhooks_payload", in_days(15)),
        partition_name("webhooks_delivery", in_days(15)),
        partition_name("analytics_webhookcall", in_days(15)),
    ]


def test_puts_rows_into_the_partition_of_their_day() -> None:
    early, late = write_payload(id_of(in_days(1), hour=0)), write_payload(id_of(in_days(1), hour=23))

    assert {partition_of(early), partition_of(late)} == {partition_name(TABLE, in_days(1))}


def test_gives_a_new_partition_the_indexes_of_its_table_and_nothing_else() -> None:
    drop_day(in_days(2))
    make_partitions()

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), bool_and(indisvalid), bool_and(EXISTS (SELECT FROM pg_inherits WHERE inhrelid = indexrelid))"
            "  FROM pg_index WHERE indrelid = %s::regclass",
            [partition_name(TABLE, in_days(2))],
        )
        assert cursor.fetchone() == (3, True, True)
        cursor.execute(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND conrelid = %s::regclass",
            [partition_name(TABLE, in_days(2))],
        )
        assert cursor.fetchone() == (0,)


def test_gives_a_new_partition_the_storage_parameters_of_the_default_one() -> None:
    drop_day(in_days(2))
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {default_partition_name(TABLE)} SET (fillfactor = 40, autovacuum_enabled = off)")
    make_partitions(days_ahead=15)

    assert _storage_of(partition_name(TABLE, in_days(2))) == ["fillfactor=40", "autovacuum_enabled=off"]


def test_every_days_deliveries_leave_room_for_the_version_that_says_how_they_ended() -> None:
    make_partitions(days_ahead=15)

    names = [partition.name for partition in list_partitions(Delivery)]
    assert len(names) >= 17
    assert {name: _storage_of(name) for name in names} == {name: ["fillfactor=50"] for name in names}


def _storage_of(partition: str) -> list[str] | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reloptions FROM pg_class WHERE oid = %s::regclass", [partition])
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def test_moves_strays_out_of_the_default_partition() -> None:
    drop_day(in_days(1))
    drop_day(in_days(2))
    strays = [write_payload(id_of(in_days(1), hour=hour)) for hour in (0, 12, 23)]
    of_the_next_day = write_payload(id_of(in_days(2), hour=0))
    assert count_default_rows(Payload) == 4

    assert make_partitions() == [partition_name(TABLE, in_days(1)), partition_name(TABLE, in_days(2))]

    assert {partition_of(stray) for stray in strays} == {partition_name(TABLE, in_days(1))}
    assert partition_of(of_the_next_day) == partition_name(TABLE, in_days(2))
    assert count_default_rows(Payload) == 0


def test_makes_a_partition_for_strays_of_a_day_that_is_past() -> None:
    stray = write_payload(id_of(in_days(-3)))

    assert make_partitions() == [partition_name(TABLE, in_days(-3))]
    assert partition_of(stray) == partition_name(TABLE, in_days(-3))


@pytest.mark.parametrize("identifier", [uuid4(), UUID(int=(1 << 128) - 1), UUID(int=0), id_of(in_days(20))])
def test_leaves_strays_of_impossible_or_far_days_where_they_are(identifier: UUID) -> None:
    write_payload(identifier)
    stray = write_payload(id_of(in_days(-1)))

    assert make_partitions() == [partition_name(TABLE, in_days(-1))]

    assert partition_of(stray) == partition_name(TABLE, in_days(-1))
    assert partition_of(identifier) == default_partition_name(TABLE)
    assert count_default_rows(Payload) == 1


def test_counts_the_default_partitions_rows_no_further_than_asked() -> None:
    for _ in range(3):
        write_payload(id_of(in_days(20)))

    assert count_default_rows(Payload, at_most=2) == 2


def test_drops_the_days_before_a_day_and_no_others() -> None:
    for days in (-3, -2, -1):
        write_payload(id_of(in_days(days)))
    make_partitions()

    dropped = list(remove_partitions_before(Payload, in_days(-1), dry_run=False))

    assert [part.name for part in dropped] == [partition_name(TABLE, in_days(-3)), partition_name(TABLE, in_days(-2))]
    assert list_partitions(Payload)[0].day == in_days(-1)
    assert Payload.objects.count() == 1


def test_gives_back_the_files_of_what_was_taken_out_later() -> None:
    write_payload(id_of(in_days(-3)))
    make_partitions()
    (removed,) = remove_partitions_before(Payload, in_days(-2), dry_run=False)
    assert Payload.objects.count() == 0
    assert list_removed_partitions() == [removed.table]
    write_payload(id_of(in_days(-3)))  # a stray of the same day, which gets a partition again
    make_partitions()
    (again,) = remove_partitions_before(Payload, in_days(-2), dry_run=False)

    assert drop_removed_partitions() == sorted([removed.table, again.table])

    assert list_removed_partitions() == []
    assert drop_removed_partitions() == []


def test_takes_out_nothing_when_it_cannot_be_archived() -> None:
    write_payload(id_of(in_days(-3)))
    make_partitions()

    class Full:
        def store(self, partition: Partition) -> None:
            raise OSError(partition.name)

        def holds(self, partition: Partition) -> bool:
            raise AssertionError

    with pytest.raises(OSError, match=partition_name(TABLE, in_days(-3))):
        list(remove_partitions_before(Payload, in_days(0), dry_run=False, archive=Full()))
    assert Payload.objects.count() == 1
    assert list_removed_partitions() == []


def test_stores_again_what_changed_before_it_is_taken_out() -> None:
    write_payload(id_of(in_days(-3)))
    make_partitions()

    class Counting:
        stored = 0

        def store(self, partition: Partition) -> None:
            if self.stored == 0:
                write_payload(id_of(in_days(-3), hour=13))  # one comes late
                self.stored = 1
            else:
                self.stored = Payload.objects.count()

        def holds(self, partition: Partition) -> bool:
            return self.stored == Payload.objects.count()

    archive = Counting()
    (removed,) = remove_partitions_before(Payload, in_days(0), dry_run=False, archive=archive)
    assert removed.name == partition_name(TABLE, in_days(-3))
    assert archive.stored == 2


def test_only_tells_what_it_would_drop_in_a_dry_run() -> None:
    write_payload(id_of(in_days(-3)))
    make_partitions()
    before = list_partitions(Payload)

    dropped = list(remove_partitions_before(Payload, in_days(0), dry_run=True))

    assert [part.name for part in dropped] == [partition_name(TABLE, in_days(-3))]
    assert list_partitions(Payload) == before
    assert Payload.objects.count() == 1


def test_keeps_the_default_partition_whatever_the_day() -> None:
    write_payload(UUID(int=0))

    list(remove_partitions_before(Payload, date(9999, 1, 1), dry_run=False))

    assert list_partitions(Payload) == [Partition(default_partition_name(TABLE), None, 0)]
    assert Payload.objects.count() == 1


def test_estimates_rows_by_the_statistics() -> None:
    for _ in range(5):
        write_payload(id_of(in_days(-3)))
    make_partitions()
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {partition_name(TABLE, in_days(-3))}")

    (foretold,) = remove_partitions_before(Payload, in_days(-2), dry_run=True)
    assert (foretold.name, foretold.rows_estimate) == (partition_name(TABLE, in_days(-3)), 5)


def test_lists_nothing_of_a_table_without_partitions() -> None:
    assert list_partitions(Tenant) == []
