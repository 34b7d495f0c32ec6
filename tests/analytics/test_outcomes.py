from __future__ import annotations

from itertools import product

from django.db import connection

from analytics.models import ErrorKind, HourlyRollup
from analytics.outcomes import OUTCOME_CLASS_SQL, OutcomeClass, outcome_class

STATUSES = (None, 0, 101, 200, 204, 299, 301, 404, 499, 500, 599, 600, 999)
KINDS = ("", *ErrorKind.values, "unheard-of")


def test_error_decides_before_the_status() -> None:
    assert outcome_class(200, "timeout") == OutcomeClass.TIMEOUT
    assert outcome_class(503, "status") == OutcomeClass.ANSWERED_5XX
    assert outcome_class(302, "status") == OutcomeClass.ANSWERED_3XX
    assert outcome_class(204, "") == OutcomeClass.ANSWERED_2XX
    assert outcome_class(None, "refused") == OutcomeClass.GUARD
    assert outcome_class(None, "configuration") == OutcomeClass.NOT_SENT


def test_what_succeeded_without_a_status_counts_as_answered() -> None:
    assert outcome_class(None, "") == OutcomeClass.ANSWERED_2XX
    assert outcome_class(None, "unheard-of") == OutcomeClass.CONNECTION
    assert outcome_class(999, "status") == OutcomeClass.CONNECTION


def test_every_class_is_a_column_of_rollups() -> None:
    columns = {field.column for field in HourlyRollup._meta.concrete_fields}
    assert set(OutcomeClass.values) <= columns


def test_database_classifies_as_python_does(db: None) -> None:
    pairs = list(product(STATUSES, KINDS))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {OUTCOME_CLASS_SQL} FROM unnest(%s::int[], %s::text[]) AS calls (status_code, error_kind)",
            [[status for status, _ in pairs], [kind for _, kind in pairs]],
        )
        assert [row[0] for row in cursor.fetchall()] == [outcome_class(*pair).value for pair in pairs]
