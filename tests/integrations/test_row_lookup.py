"""Finding one row without building a query."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.models import Tenant, User
from integrations.row_lookup import RowLookup


def test_a_row_is_found_as_a_queryset_finds_it(tenant: Tenant, platform_admin: User) -> None:
    for model, row in ((Tenant, tenant), (User, platform_admin)):
        with CaptureQueriesContext(connection) as queries:
            found = RowLookup(model, "id = %s").find(row.id)
        stored = model.objects.get(id=row.id)

        assert len(queries) == 1
        assert {**vars(found), "_state": None} == {**vars(stored), "_state": None}
        assert (found._state.db, found._state.adding) == ("default", False)


def test_a_row_is_read_afresh_each_time(tenant: Tenant) -> None:
    by_slug = RowLookup(Tenant, "slug = %s AND is_active")
    assert by_slug.find("acme") == tenant

    Tenant.objects.update(is_active=False)

    assert by_slug.find("acme") is None
