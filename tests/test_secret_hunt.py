"""Where secrets in clear are looked for after each test."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from integrations.models import Tenant, User
from tests.secret_hunt import rows_as_text

SECRET = "a-secret-that-stands-where-it-must-not"


@pytest.mark.django_db
def test_reads_what_the_tests_transaction_wrote(tenant: Tenant) -> None:
    with transaction.atomic():
        User.objects.create_user("grace", first_name=SECRET)
    Tenant.objects.filter(pk=tenant.pk).update(name=SECRET)

    assert {place for place, text in rows_as_text().items() if SECRET in text} == {
        "integrations_user",
        "integrations_tenant",
    }


@pytest.mark.django_db(transaction=True)
def test_reads_every_table_where_a_test_commits(tenant: Tenant) -> None:
    User.objects.create_user("grace", first_name=SECRET)
    connection.close()  # another connection has written

    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)

    found = rows_as_text()
    assert sorted(found) == sorted(tables)
    assert {place for place, text in found.items() if SECRET in text} == {"integrations_user"}
