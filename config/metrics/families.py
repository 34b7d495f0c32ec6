"""The site's metrics as Prometheus takes them. Names and units follow its conventions: seconds, `_total` for counters.

Every label's values are from the code (routes, states, names of tasks and tables); none is a tenant, a webhook or a path.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from django.db import connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from analytics.histogram import UPPER_BOUNDS_MS
from config.metrics.delivery_totals import DeliveryTotals, delivery_totals
from integrations.encryption.heartbeat import live_processes
from integrations.messaging.queries import count_unknown
from integrations.partitioning.partitions import count_default_rows, partitioned_models
from integrations.process_metrics import ENCRYPTION, REQUEST, SENT_BY_BEAT, STATEMENT, TASK, UPPER_BOUNDS_SECONDS
from webhooks.queue_state import QueueState, queue_state

MOST_DEFAULT_ROWS: Final = 10_000
MOST_UNKNOWN: Final = 10_000
_OLDEST_TRANSACTION: Final = """
    SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""

_TOTALS: Final = """
    SELECT metric, process, labels, count, seconds, histogram, extract(epoch FROM updated_at)::float8
    FROM config_processtotal ORDER BY metric, process, labels
"""


class _Total(NamedTuple):
    """What all processes of a kind counted under one key."""

    process: str
    labels: tuple[str, ...]
    operations: int
    seconds: float
    histogram: list[int]
    updated_at: float


# A counter has to be there before the first failure: Prometheus sees no increase in one that begins at 1.
_FAILURES: Final = [
    _Total(process, ("open", outcome), 0, 0.0, [], 0.0)
    for process in ("web", "worker")
    for outcome in ("unreadable", "key_destroyed", "key_not_at_hand", "error")
]


def families() -> Iterator[Metric]:
    """Yield every metric, read from the database now. Raises DatabaseError."""
    yield from _of_deliveries(delivery_totals())
    yield from _of_queue(queue_state())
    yield from _of_database()
    yield from _of_processes()


def _of_deliveries(totals: DeliveryTotals) -> Iterator[Metric]:
    deliveries = CounterMetricFamily(
        "signalbox_deliveries", "Deliveries that came to their end, by how.", labels=["outcome"]
    )
    deliveries.add_metric(["succeeded"], totals.succeeded)
    deliveries.add_metric(["failed"], totals.failed)
    yield deliveries
    attempts = CounterMetricFamily("signalbox_attempts", "Attempts, by what became of them.", labels=["outcome"])
    for outcome, count in totals.attempts.items():
        attempts.add_metric([outcome], count)
    yield attempts
    duration = HistogramMetricFamily("signalbox_attempt_duration_seconds", "How long attempts took.")
    bounds = [ms / 1000 for ms in UPPER_BOUNDS_MS[:-1]] + [float("inf")]
    duration.add_metric([], _buckets(bounds, totals.histogram), totals.response_time_ms / 1000)
    yield duration


def _of_queue(state: QueueState) -> Iterator[Metric]:
    queue = GaugeMetricFamily(
        "signalbox_queue_deliveries", "Deliveries in the queue (an estimate from 50,000 on).", labels=["state"]
    )
    queue.add_metric(["waiting"], state.waiting)
    queue.add_metric(["leased"], state.leased)
    yield queue
    for name, text, value in (
        ("oldest_due_seconds", "How long the oldest due delivery waits, whatever holds it up.", state.lag.oldest_due),
        ("delivery_lag_seconds", "How long the oldest one that could be sent at once waits.", state.lag.ready),
        ("engines_alive", "Delivery engines with a heartbeat in the last 20 seconds.", state.engines),
        ("engines_in_flight", "Deliveries that engines held at their last heartbeat.", state.in_flight),
        ("held_deliveries", "Deliveries that disabling their webhooks took out of the queue.", state.held),
    ):
        yield GaugeMetricFamily(f"signalbox_{name}", text, value=value)
    breakers = GaugeMetricFamily(
        "signalbox_breakers", "Webhooks whose circuit breaker is not closed.", labels=["state"]
    )
    breakers.add_metric(["open"], state.breakers_open)
    breakers.add_metric(["half_open"], state.breakers_half_open)
    yield breakers
    yield GaugeMetricFamily(
        "signalbox_unknown_messages",
        f"Messages of which nobody can say whether they were sent ({MOST_UNKNOWN:,} at most).",
        value=count_unknown(at_most=MOST_UNKNOWN),
    )


def _of_database() -> Iterator[Metric]:
    strays = GaugeMetricFamily(
        "signalbox_default_partition_rows", "Rows that found no day's partition (10,000 at most).", labels=["table"]
    )
    for model in partitioned_models():
        strays.add_metric([model._meta.db_table], count_default_rows(model, at_most=MOST_DEFAULT_ROWS))
    yield strays
    with connection.cursor() as cursor:
        cursor.execute(_OLDEST_TRANSACTION)
        (oldest,) = cursor.fetchone()
    yield GaugeMetricFamily("signalbox_oldest_transaction_seconds", "Age of the oldest open transaction.", value=oldest)


def _of_processes() -> Iterator[Metric]:
    alive = GaugeMetricFamily("signalbox_processes", "Processes seen in the last minute.", labels=["process"])
    kinds = list(live_processes().values_list("kind", flat=True))
    for kind in sorted({"web", "worker", *kinds}):
        alive.add_metric([kind], kinds.count(kind))
    yield alive
    by_metric = _totals()
    yield from _of_requests(by_metric[REQUEST])
    yield from _timed(["process", "kind"], by_metric[STATEMENT], "signalbox_database_statements", "signalbox_database")
    encryption = [*by_metric[ENCRYPTION], *_FAILURES]
    labels = ["process", "operation", "outcome"]
    yield from _timed(labels, encryption, "signalbox_encryption_operations", "signalbox_encryption")
    tasks = by_metric[TASK]
    failures = [_Total(each.process, (each.labels[0], "failure"), 0, 0.0, [], 0.0) for each in tasks]
    yield from _timed(["process", "task", "state"], [*tasks, *failures], "signalbox_task_runs", "signalbox_task")
    for name, text, totals in (
        ("task_last_seen", "When a task last ended, as far as was written.", by_metric[TASK]),
        ("beat_last_sent", "When beat last sent a task, as far as was written.", by_metric[SENT_BY_BEAT]),
    ):
        seen = GaugeMetricFamily(f"signalbox_{name}_timestamp_seconds", text, labels=["task"])
        for task, moment in sorted(_latest(totals).items()):
            seen.add_metric([task], moment)
        yield seen


def _totals() -> dict[str, list[_Total]]:
    by_metric: defaultdict[str, list[_Total]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_TOTALS)
        for metric, process, labels, *measured in cursor.fetchall():
            by_metric[metric].append(_Total(process, tuple(json.loads(labels)), *measured))
    return by_metric


def _of_requests(totals: Sequence[_Total]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "signalbox_http_requests", "Requests, by route and status.", labels=["method", "route", "status"]
    )
    by_route: dict[tuple[str, str], tuple[list[int], float]] = {}
    for total in totals:
        requests.add_metric(total.labels, total.operations)
        counts, seconds = by_route.get((total.labels[0], total.labels[1]), ([0] * len(UPPER_BOUNDS_SECONDS), 0.0))
        summed = [a + b for a, b in zip(counts, total.histogram, strict=True)]
        by_route[total.labels[0], total.labels[1]] = summed, seconds + total.seconds
    yield requests
    duration = HistogramMetricFamily(
        "signalbox_http_request_duration_seconds",
        "How long requests took, without waits that callers asked for.",
        labels=["method", "route"],
    )
    for route, (counts, seconds) in by_route.items():
        duration.add_metric(route, _buckets(UPPER_BOUNDS_SECONDS, counts), seconds)
    yield duration


def _timed(labels: list[str], totals: Sequence[_Total], counter: str, timer: str) -> Iterator[Metric]:
    """Yield a counter of what was done, and one of the seconds that it took."""
    summed: dict[tuple[str, ...], tuple[int, float]] = {}
    for total in totals:
        key = (total.process, *total.labels)
        count, seconds = summed.get(key, (0, 0.0))
        summed[key] = count + total.operations, seconds + total.seconds
    done = CounterMetricFamily(counter, "How many, of all processes of a kind together.", labels=labels)
    took = CounterMetricFamily(f"{timer}_seconds", "How long together.", labels=labels)
    for key, (count, seconds) in summed.items():
        done.add_metric(key, count)
        took.add_metric(key, seconds)
    yield done
    yield took


def _latest(totals: Sequence[_Total]) -> dict[str, float]:
    latest: dict[str, float] = {}
    for total in totals:
        latest[total.labels[0]] = max(total.updated_at, latest.get(total.labels[0], 0.0))
    return latest


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Return the counts as Prometheus takes them: up to each bound, all below included."""
    return [
        ("+Inf" if bound == float("inf") else repr(bound), count)
        for bound, count in zip(bounds, accumulate(counts), strict=True)
    ]
