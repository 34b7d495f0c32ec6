from __future__ import annotations

import pytest
from django.db import connection
from django.test import override_settings

from integrations.partitioning.checks import check_partitions
from tests.integrations.partitioning.tables import drop_day, in_days

pytestmark = pytest.mark.django_db


def test_finds_nothing_in_a_migrated_database() -> None:
    assert check_partitions(databases=["default"]) == []


def test_is_silent_when_the_database_is_not_asked_for() -> None:
    with override_settings(PARTITIONED_MODELS=["integrations.Tenant"]):
        assert check_partitions() == []


def test_reports_a_table_that_is_not_partitioned() -> None:
    with override_settings(PARTITIONED_MODELS=["integrations.Tenant"]):
        [message] = check_partitions(databases=["default"])

    assert message.id == "integrations.E020"
    assert message.msg.startswith("integrations_tenant is not partitioned by day")


def test_reports_a_table_without_its_default_partition() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE webhooks_payload_default")

    assert [message.id for message in check_partitions(databases=["default"])] == ["integrations.E020"]


def test_warns_of_a_table_whose_partitions_end_today() -> None:
    drop_day(in_days(1))

    [message] = check_partitions(databases=["default"])

    assert message.id == "integrations.W021"
    assert message.msg == "webhooks_payload has no partition for tomorrow."
