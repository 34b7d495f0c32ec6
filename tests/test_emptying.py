"""What is left after a test with real transactions."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection, transaction

from integrations.models import ActivityLog, Tenant, User
from tests.emptying import empty_database

pytestmark = pytest.mark.django_db


def test_deletes_all_but_what_migrate_wrote(tenant: Tenant) -> None:
    permissions = Permission.objects.count()
    assert (ActivityLog.objects.count(), permissions > 0) == (1, True)

    with transaction.atomic(), connection.cursor() as cursor:
        empty_database(cursor)

    with connection.cursor() as cursor:
        left = {name for name in connection.introspection.table_names(cursor) if _rows(cursor, name)}
    assert left == {"django_migrations", "django_content_type", "auth_permission"}
    assert Permission.objects.count() == permissions


def test_keeps_what_it_is_told_to(tenant: Tenant) -> None:
    people = User.objects.count()

    with connection.cursor() as cursor:
        empty_database(cursor, keep=["integrations_user"])

    assert (people, User.objects.count(), Tenant.objects.count()) == (1, 1, 0)


def _rows(cursor: Any, table: str) -> int:
    cursor.execute(f"SELECT count(*) FROM {table}")
    return int(cursor.fetchone()[0])
