from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine

from analytics.dashboard.selection import Range, selected

ORDERS, INVOICES = UUID(int=1), UUID(int=2)
NOW = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon() -> object:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.mark.parametrize(
    ("name", "span"),
    [("1h", timedelta(hours=1)), ("24h", timedelta(hours=24)), ("7d", timedelta(days=7)), ("30d", timedelta(days=30))],
)
def test_ranges_end_now(name: str, span: timedelta) -> None:
    selection = selected({"range": name})
    assert (selection.period.start, selection.period.end) == (NOW - span, NOW)
    assert (selection.period_before.start, selection.period_before.end) == (NOW - 2 * span, NOW - span)
    assert selection.notes == []


def test_shows_a_day_of_everything_unless_asked() -> None:
    selection = selected({}, webhooks=[ORDERS])
    assert (selection.range, selection.webhook_id, selection.notes) == (Range("24h"), None, [])


@pytest.mark.parametrize("wanted", [str(INVOICES), str(INVOICES).upper()])
def test_narrows_to_a_webhook(wanted: str) -> None:
    selection = selected({"range": "7d", "webhook": wanted}, webhooks=[ORDERS, INVOICES])
    assert selection.webhook_id == INVOICES
    assert selection.query() == f"range=7d&webhook={INVOICES}"
    assert selection.query(range="1h", webhook=None) == "range=1h"


@pytest.mark.parametrize("wanted", [str(UUID(int=3)), "orders", "\x00", "x" * 10_000])
def test_webhook_of_somebody_else_is_left_out_and_said(wanted: str) -> None:
    selection = selected({"webhook": wanted}, webhooks=[ORDERS])
    assert selection.webhook_id is None
    assert selection.notes == ["There is no such webhook here. Shown are all of them."]


def test_unknown_range_is_left_out_and_said() -> None:
    selection = selected({"range": "2 weeks" * 100})
    assert selection.range == Range("24h")
    assert selection.notes == [
        f"There is no range “{('2 weeks' * 100)[:40]}”, only 1h, 24h, 7d, 30d. Shown are the last 24 hours."
    ]


@pytest.mark.parametrize(("name", "shown"), [("1h", "7d"), ("24h", "7d"), ("7d", "7d"), ("30d", "30d")])
def test_heat_map_shows_a_week_at_least(name: str, shown: str) -> None:
    assert selected({"range": name}).heat_range == Range(shown)
