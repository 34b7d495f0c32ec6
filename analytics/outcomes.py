"""What became of an attempt, in eight classes that sums are kept by: each attempt belongs to exactly one."""

from __future__ import annotations

from typing import Final

from django.db import models

from analytics.models.call import ErrorKind

__all__ = ["OUTCOME_CLASS_SQL", "OutcomeClass", "outcome_class"]


class OutcomeClass(models.TextChoices):
    """The values are the columns of rollups."""

    ANSWERED_2XX = "answered_2xx", "2xx"
    ANSWERED_3XX = "answered_3xx", "3xx"
    ANSWERED_4XX = "answered_4xx", "4xx"
    ANSWERED_5XX = "answered_5xx", "5xx"
    TIMEOUT = "timeouts", "Timeout"
    CONNECTION = "connection_failures", "Connection failed"
    GUARD = "guard_refusals", "Address not allowed"
    NOT_SENT = "not_sent", "Not sent"


# Before the status: an answer that broke off has one, too.
_BY_ERROR: Final = {
    ErrorKind.TIMEOUT: OutcomeClass.TIMEOUT,
    ErrorKind.DNS: OutcomeClass.CONNECTION,
    ErrorKind.CONNECT: OutcomeClass.CONNECTION,
    ErrorKind.TLS: OutcomeClass.CONNECTION,
    ErrorKind.PROTOCOL: OutcomeClass.CONNECTION,
    ErrorKind.INTERRUPTED: OutcomeClass.CONNECTION,
    ErrorKind.REFUSED: OutcomeClass.GUARD,
    ErrorKind.CONFIGURATION: OutcomeClass.NOT_SENT,
}
_BY_STATUS: Final = {
    2: OutcomeClass.ANSWERED_2XX,
    3: OutcomeClass.ANSWERED_3XX,
    4: OutcomeClass.ANSWERED_4XX,
    5: OutcomeClass.ANSWERED_5XX,
}


def outcome_class(status_code: int | None, error_kind: str) -> OutcomeClass:
    """Return the class of an attempt with this status (None: no answer) and `ErrorKind` (empty: it succeeded).

    What succeeded without a status of its own counts as 2xx, an answer with a status beyond HTTP's as a failed
    connection.
    """
    by_error = _BY_ERROR.get(error_kind)  # type: ignore[call-overload]  # members are texts
    if by_error is not None:
        return by_error
    if status_code is None:
        return OutcomeClass.CONNECTION if error_kind else OutcomeClass.ANSWERED_2XX
    return _BY_STATUS.get(status_code // 100, OutcomeClass.CONNECTION)


# The same over the columns of calls, for recomputing sums from rows. A test holds the two together.
OUTCOME_CLASS_SQL: Final = (
    "CASE"
    + "".join(f" WHEN error_kind = '{kind.value}' THEN '{outcome.value}'" for kind, outcome in _BY_ERROR.items())
    + " WHEN status_code IS NULL THEN"
    + f" CASE WHEN error_kind = '' THEN '{OutcomeClass.ANSWERED_2XX}' ELSE '{OutcomeClass.CONNECTION}' END"
    + "".join(f" WHEN status_code / 100 = {hundred} THEN '{outcome.value}'" for hundred, outcome in _BY_STATUS.items())
    + f" ELSE '{OutcomeClass.CONNECTION}' END"
)
