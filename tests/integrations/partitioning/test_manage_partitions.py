from __future__ import annotations

import json
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from integrations.partitioning.days import partition_name
from integrations.partitioning.partitions import (
    list_partitions,
    list_removed_partitions,
    make_partitions,
    remove_partitions_before,
)
from tests.integrations.partitioning.tables import TABLE, drop_day, id_of, in_days, write_payload
from webhooks.models import Payload

pytestmark = pytest.mark.django_db


def run(*arguments: str, fails: str | None = None) -> str:
    output = StringIO()
    if fails is None:
        call_command("manage_partitions", *arguments, stdout=output)
    else:
        with pytest.raises(CommandError, match=fails):
            call_command("manage_partitions", *arguments, stdout=output)
    return output.getvalue()


def as_json(*arguments: str, fails: str | None = None) -> Any:
    return json.loads(run("--json", *arguments, fails=fails))


def of_payloads(answer: Any) -> Any:
    return next(table for table in answer["tables"] if table["table"] == TABLE)


def test_makes_what_is_missing_empties_the_default_and_says_so() -> None:
    drop_day(in_days(3))
    write_payload(id_of(in_days(3)))
    output = run()
    assert f"{partition_name(TABLE, in_days(3))}: made" in output
    assert f"{TABLE}: {len(list_partitions(Payload)) - 1} partitions, " in output
    assert "default partition: 0 rows" in output
    assert "made" not in run()


def test_makes_as_many_days_ahead_as_it_is_told() -> None:
    assert as_json("--days-ahead", "16")["made"] == [
        partition_name(table, in_days(days))
        for table in ("webhooks_event", "webhooks_payload", "webhooks_delivery", "analytics_webhookcall")
        for days in (15, 16)
    ]


def test_gives_back_the_files_of_removed_partitions() -> None:
    write_payload(id_of(in_days(-3)))
    make_partitions()
    (removed,) = remove_partitions_before(Payload, in_days(0), dry_run=False)
    assert as_json("--list")["dropped"] == []
    assert as_json()["dropped"] == [removed.table]
    assert list_removed_partitions() == []


def test_list_changes_nothing_and_shows_every_partition() -> None:
    drop_day(in_days(3))
    answer = as_json("--list")
    assert [table["table"] for table in answer["tables"]] == [
        label.lower().replace(".", "_") for label in settings.PARTITIONED_MODELS
    ]
    payloads = of_payloads(answer)
    assert len(payloads["partitions"]) == len(list_partitions(Payload)) - 1
    assert (payloads["last_day"], payloads["default_rows"]) == (str(in_days(14)), 0)
    assert payloads["bytes"] >= sum(partition["bytes"] for partition in payloads["partitions"]) > 0
    assert partition_name(TABLE, in_days(1)) in run("--list")
    assert in_days(3) not in {partition.day for partition in list_partitions(Payload)}


def test_fails_when_rows_stay_in_a_default_partition() -> None:
    write_payload(UUID(int=1))
    answer = as_json(fails=f"{TABLE} has 1 row in its default partition")
    assert of_payloads(answer)["default_rows"] == 1
    assert answer["findings"] == [f"{TABLE} has 1 row in its default partition: ids of days far away, or of no day."]


def test_fails_when_tomorrow_has_no_partition() -> None:
    drop_day(in_days(1))
    run("--list", fails=f"{TABLE} has no partition for tomorrow")
    run()


@pytest.mark.parametrize("days", ["0", "-1", "367", "soon", "²"])
def test_refuses_a_wrong_number_of_days(days: str) -> None:
    run("--days-ahead", days, fails="is no number of days from 1 to 366")
