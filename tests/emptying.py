"""What a test with real transactions wrote is deleted after it: `flush` in a tenth of the time.

TRUNCATE makes new files for every table, partition and index, 122 tables and all of them empty but a few, and every
permission is looked for again. DELETE finds nothing in an empty table. What migrations and `migrate` wrote stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase

# Foreign keys are checked at the end of the transaction, so the order does not matter. Whoever still writes holds no
# lock that this waits for, except on the same rows.
_EMPTY = """
DO $$
DECLARE
    name regclass;
BEGIN
    FOR name IN
        SELECT oid FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
          AND relname <> ALL (string_to_array(current_setting('tests.kept'), ','))
    LOOP
        EXECUTE format('DELETE FROM %s', name);
    END LOOP;
END
$$
"""
_OF_MIGRATE = ("django_migrations", "django_content_type", "auth_permission")


@pytest.fixture(scope="session", autouse=True)
def _quick_emptying() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", _empty)
        yield


def _empty(_: TransactionTestCase) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        empty_database(cursor)


def empty_database(cursor: Any, *, keep: Iterable[str] = ()) -> None:
    """Delete every row that is not of `migrate`'s making, in the transaction that is open, but none of the tables to `keep`."""
    kept = ",".join((*_OF_MIGRATE, *keep))
    cursor.execute(
        "SELECT set_config('sb.activity_maintenance', 'on', true), set_config('tests.kept', %s, true)", [kept]
    )
    cursor.execute(_EMPTY)
