from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import override_settings
from psycopg.errors import RestrictViolation

from integrations.activity.maintenance import activity_maintenance
from integrations.activity.models import ActivityLog


class _AbandonedError(Exception):
    pass


@pytest.fixture
def entry(db: None) -> ActivityLog:
    return ActivityLog.objects.create(
        actor_kind="system", actor_name="Ada", verb="tenant.created", object_kind="tenant"
    )


def test_refuses_to_change_an_entry(entry: ActivityLog) -> None:
    with _refused():
        ActivityLog.objects.update(actor_name="Bob")


def test_refuses_to_delete_an_entry(entry: ActivityLog) -> None:
    with _refused():
        ActivityLog.objects.all().delete()


def test_refuses_to_truncate_the_log(entry: ActivityLog) -> None:
    with _refused(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE integrations_activitylog")


def test_lets_a_person_be_erased_within_maintenance_alone(entry: ActivityLog) -> None:
    with activity_maintenance():
        ActivityLog.objects.update(actor_name="")
    assert ActivityLog.objects.get().actor_name == ""
    with _refused():
        ActivityLog.objects.all().delete()


def test_deletes_within_maintenance(entry: ActivityLog) -> None:
    with activity_maintenance(), activity_maintenance():
        ActivityLog.objects.all().delete()
    assert not ActivityLog.objects.exists()


def test_refuses_again_after_a_maintenance_that_failed(entry: ActivityLog) -> None:
    with pytest.raises(_AbandonedError), activity_maintenance():
        raise _AbandonedError
    with _refused():
        ActivityLog.objects.all().delete()


def test_flush_empties_the_log_of_a_development_database_and_leaves_the_trigger_on(transactional_db: None) -> None:
    ActivityLog.objects.create(actor_kind="system", actor_name="Ada", verb="tenant.created", object_kind="tenant")

    call_command("flush", interactive=False, verbosity=0)

    assert not ActivityLog.objects.exists()
    ActivityLog.objects.create(actor_kind="system", actor_name="Ada", verb="tenant.created", object_kind="tenant")
    with _refused():
        ActivityLog.objects.all().delete()


def test_flush_refuses_in_production(entry: ActivityLog) -> None:
    with override_settings(ENVIRONMENT="production"), pytest.raises(CommandError, match="reset_db_preserve_admin"):
        call_command("flush", interactive=False, verbosity=0)


@contextmanager
def _refused() -> Iterator[None]:
    with pytest.raises(IntegrityError, match="append-only") as refusal, transaction.atomic():
        yield
    assert isinstance(refusal.value.__cause__, RestrictViolation)
