from __future__ import annotations

from datetime import UTC, datetime

import pytest

from integrations.moments import read_moment

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["2026-03-10T12:00:00Z", "2026-03-10T12:00Z", "2026-03-10T17:30:00+05:30", "2026-03-10T09:00:00.000-03:00"]
)
def test_moment_is_read_in_utc(text: str) -> None:
    assert read_moment(text) == NOON
    assert read_moment(text).tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ISO 8601"),
        ("yesterday", "ISO 8601"),
        ("1773144000", "ISO 8601"),
        ("2026-02-30T12:00:00Z", "ISO 8601"),
        ("2026-03-10T12:00:00 01:00", "%2B"),  # what a server sees where + was not escaped
        ("2026-03-10", "zone"),
        ("2026-03-10T12:00:00", "zone"),
        ("0001-01-01T00:00:00+14:00", "years 2000"),
        ("9999-12-31T23:59:59-14:00", "years 2000"),
    ],
)
def test_moment_is_refused_with_the_way_out(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_moment(text)
