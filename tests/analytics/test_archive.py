from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.db import connection

from analytics import archive as archive_module
from analytics.archive import Archive, ArchiveError
from analytics.models import ALL_TARGETS, HourlyRollup, WebhookCall
from analytics.retention import purge_older_than
from integrations.ids import uuid7
from integrations.partitioning.days import partition_name
from integrations.partitioning.partitions import list_partitions, list_removed_partitions, make_partitions
from tests.analytics.calls import NOW, call, record

DAY = timedelta(days=1)
OLD = NOW - 3 * DAY
TENANT = uuid7()
NAME = partition_name("analytics_webhookcall", OLD.date())


@pytest.fixture
def old_calls(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five calls of a day that is past, in its partition, and one of today; pages of two rows."""
    monkeypatch.setattr(archive_module, "PAGE_ROWS", 2)
    with time_machine.travel(OLD):
        make_partitions(days_ahead=0)
    record([call(tenant_id=TENANT, timestamp=OLD, response_body='{"a": "ü"}', metadata={"n": n}) for n in range(5)])
    record([call(tenant_id=TENANT)])


def lines(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.usefixtures("old_calls")
def test_writes_each_call_as_it_was_stored_before_it_goes(tmp_path: Path) -> None:
    stored = list(WebhookCall.objects.filter(timestamp=OLD).order_by("id").values())
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    assert files(tmp_path) == [f"{NAME}.jsonl.gz", f"{NAME}.jsonl.gz.sha256"]
    archived = lines(tmp_path / f"{NAME}.jsonl.gz")
    assert [line["id"] for line in archived] == [str(row["id"]) for row in stored]
    assert set(archived[0]) == {field.column for field in WebhookCall._meta.concrete_fields}
    assert [line["metadata"] for line in archived] == [row["metadata"] for row in stored]
    assert archived[0]["response_body"] == '{"a": "ü"}'
    assert WebhookCall.objects.count() == 1
    assert HourlyRollup.objects.filter(target_id=ALL_TARGETS).count() == 2


@pytest.mark.usefixtures("old_calls")
def test_checksum_is_what_sha256sum_checks(tmp_path: Path) -> None:
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    path = tmp_path / f"{NAME}.jsonl.gz"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / f"{path.name}.sha256").read_text() == f"{digest}  {path.name}\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("old_calls")
def test_nothing_is_removed_when_it_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_table: str) -> Iterator[Any]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive_module, "_lines", full)
    with pytest.raises(ArchiveError, match=f"{NAME} could not be archived in .*: No space left on device"):
        purge_older_than(2 * DAY, archive=Archive(tmp_path))
    assert files(tmp_path) == []
    assert WebhookCall.objects.count() == 6
    assert NAME in {partition.name for partition in list_partitions(WebhookCall)}
    assert list_removed_partitions() == []


@pytest.mark.usefixtures("old_calls")
def test_finished_archive_is_not_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (partition,) = [partition for partition in list_partitions(WebhookCall) if partition.name == NAME]
    Archive(tmp_path).store(partition)
    written = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    assert WebhookCall.objects.count() == 1


@pytest.mark.usefixtures("old_calls")
@pytest.mark.parametrize("damage", ["checksum missing", "file cut off", "file missing"])
def test_unfinished_or_damaged_archive_is_written_anew(tmp_path: Path, damage: str) -> None:
    (partition,) = [partition for partition in list_partitions(WebhookCall) if partition.name == NAME]
    Archive(tmp_path).store(partition)
    path = tmp_path / f"{NAME}.jsonl.gz"
    if damage == "checksum missing":
        (tmp_path / f"{path.name}.sha256").unlink()
        path.write_bytes(b"half of it")
    elif damage == "file missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-10])
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    assert len(lines(path)) == 5
    assert files(tmp_path) == [path.name, f"{path.name}.sha256"]


@pytest.mark.usefixtures("old_calls")
def test_late_calls_of_an_archived_day_get_a_file_of_their_own(tmp_path: Path) -> None:
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    record([call(tenant_id=TENANT, timestamp=OLD)])
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    assert WebhookCall.objects.count() == 2  # a stray without a partition is not removed unarchived
    make_partitions()
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    assert WebhookCall.objects.count() == 1
    assert len(lines(tmp_path / f"{NAME}.jsonl.gz")) == 5
    assert len(lines(tmp_path / f"{NAME}-2.jsonl.gz")) == 1


@pytest.mark.usefixtures("old_calls")
def test_only_whole_days_go_where_there_is_an_archive(tmp_path: Path) -> None:
    noon = NOW.replace(hour=12)
    record([call(tenant_id=TENANT, timestamp=noon - timedelta(hours=2))])
    with time_machine.travel(noon):
        purge_older_than(timedelta(hours=1), archive=Archive(tmp_path))
    assert WebhookCall.objects.filter(timestamp__gte=NOW - DAY).count() == 2
    assert not WebhookCall.objects.filter(timestamp=OLD).exists()


def test_folder_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="is no folder that can be written to: make it, or name another"):
        Archive(tmp_path / "missing")


@pytest.mark.usefixtures("old_calls")
def test_no_transaction_stays_open_while_a_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    write = archive_module._Hashing.write

    def look(self: Any, data: Any) -> int:
        seen.append(len(connection.savepoint_ids))
        return write(self, data)

    monkeypatch.setattr(archive_module._Hashing, "write", look)
    before = len(connection.savepoint_ids)
    purge_older_than(2 * DAY, archive=Archive(tmp_path))
    assert set(seen) == {before}
    subprocess.run(["sha256sum", "--check", f"{NAME}.jsonl.gz.sha256"], cwd=tmp_path, check=True, capture_output=True)
