"""What the tenants' tables hold, in a form that any change alters."""

from __future__ import annotations

from django.db import connection

from integrations.isolation.tables import tenant_models

# A row that was written anew lies in another place, even when it says the same.
_TABLE = (
    "SELECT '{0}', count(*), md5(coalesce(string_agg(md5(t::text || t.tableoid || t.ctid), ' '"
    " ORDER BY t.tableoid, t.ctid), '')) FROM {0} AS t"
)


def contents() -> dict[str, tuple[int, str]]:
    """Return how many rows each table of tenants has, and a digest of all that is in them, read as the owner."""
    tables = sorted(model._meta.db_table for model in tenant_models())
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(_TABLE.format(table) for table in tables))
        return {table: (count, digest) for table, count, digest in cursor.fetchall()}
