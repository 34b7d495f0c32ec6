from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from analytics.dashboard.chart_data import latency, outcomes, span_in_words, traffic
from analytics.dashboard.selection import Range
from analytics.figures import NOTHING, Figures
from analytics.outcomes import OutcomeClass
from analytics.timeseries import Bucket, Series

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 4, 0, tzinfo=UTC)


def figures(**changes: Any) -> Figures:
    values = {name: getattr(NOTHING, name) for name in Figures.__slots__}
    return Figures(**values | changes)


def series(found: list[Figures], *, step: timedelta = HOUR, late: timedelta = timedelta(0)) -> Series:
    starts = [START + step * number for number in range(len(found))]
    buckets = [Bucket(start=start, end=start + step, figures=each) for start, each in zip(starts, found, strict=True)]
    buckets[0] = Bucket(start=START + late, end=START + step, figures=found[0])
    return Series(start=START + late, end=buckets[-1].end, step=step, webhook_id=None, buckets=buckets, total=NOTHING)


def test_traffic_has_calls_and_failures_of_each_span() -> None:
    drawn = traffic(series([figures(calls=10, failed=2), NOTHING, figures(calls=3, failed=0)]), Range("24h"))
    assert [(each["label"], each["values"]) for each in drawn["series"]] == [
        ("Calls", [10, 0, 3]),
        ("Failed", [2, 0, 0]),
    ]
    assert drawn["description"] == "Calls and failures in the last 24 hours: 13 calls, 2 of them failed."
    assert drawn["is_empty"] is False
    assert traffic(series([NOTHING]), Range("24h"))["is_empty"] is True


def test_latency_has_gaps_where_nothing_was_sent_and_no_zero_on_its_log_scale() -> None:
    drawn = latency(series([figures(attempts=1, p50=0, p95=120, p99=200), NOTHING]), Range("24h"))
    assert [(each["label"], each["values"]) for each in drawn["series"]] == [
        ("p50", [1, None]),
        ("p95", [120, None]),
        ("p99", [200, None]),
    ]
    assert len({tuple(each["dash"]) for each in drawn["series"]}) == 3


def test_labels_are_few_and_titles_say_the_span() -> None:
    drawn = traffic(series([NOTHING] * 6), Range("24h"))
    assert drawn["labels"] == ["00:00", "", "", "", "04:00", ""]
    assert drawn["titles"][1] == "Wed 4 Mar, 01:00 to 02:00 UTC"
    assert drawn["titles"][5] == "Wed 4 Mar, 05:00 to 06:00 UTC, so far"
    assert drawn["starts_late"] is False


def test_first_span_says_when_only_a_part_is_counted() -> None:
    drawn = traffic(series([NOTHING] * 2, step=timedelta(days=1), late=timedelta(hours=5)), Range("30d"))
    assert drawn["starts_late"] is True
    assert drawn["titles"] == ["Wed 4 Mar 2026 UTC, in part", "Thu 5 Mar 2026 UTC, so far"]


def test_spans_of_a_minute_and_of_a_day_are_named_by_one_moment() -> None:
    bucket = Bucket(start=START, end=START + HOUR, figures=NOTHING)
    assert span_in_words(bucket, timedelta(minutes=1)) == "Wed 4 Mar, 00:00"
    assert span_in_words(bucket, timedelta(days=1)) == "Wed 4 Mar 2026"


def test_outcomes_take_a_colour_only_where_they_occur() -> None:
    classes = dict.fromkeys(OutcomeClass, 0)
    orders = figures(attempts=5, outcomes={**classes, OutcomeClass.ANSWERED_2XX: 4, OutcomeClass.TIMEOUT: 1})
    invoices = figures(attempts=2, outcomes={**classes, OutcomeClass.ANSWERED_2XX: 2})
    drawn = outcomes([("orders", orders), ("invoices", invoices)])
    assert drawn["labels"] == ["orders", "invoices"]
    assert [(each["label"], each["color"], each["values"]) for each in drawn["series"]] == [
        ("2xx", "answered_2xx", [4, 2]),
        ("Timeout", "timeouts", [1, 0]),
    ]
    assert outcomes([])["is_empty"] is True
