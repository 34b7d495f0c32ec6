"""What processes count is added up in the database, each count once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import requests
from django.db import OperationalError, connection

from config.metrics import flushing
from config.metrics.api_latency import api_latency_p95, percentile
from config.models import ProcessTotal, RequestMinute
from integrations.process_metrics import REQUEST, TASK, UPPER_BOUNDS_SECONDS, Measured, ProcessMetrics, metrics
from tests.config.metrics.scrapes import samples_of, value
from tests.running_site import RunningSite, wait_until

pytestmark = pytest.mark.processes

ROUTE = "api/platform/tenants"


@pytest.fixture(autouse=True)
def _nothing_counted() -> Iterator[None]:
    metrics.take()
    yield
    metrics.take()


def of_tests() -> dict[tuple[str, ...], tuple[int, float]]:
    """Return what is stored, without the statements of the test itself."""
    rows = ProcessTotal.objects.exclude(metric="statement").values_list(
        "process", "metric", "labels", "count", "seconds"
    )
    return {(process, metric, labels): (count, seconds) for process, metric, labels, count, seconds in rows}


def test_adds_what_several_processes_bring(db: None) -> None:
    for _ in range(2):  # two web processes
        metrics.observe((REQUEST, "GET", ROUTE, "200"), 0.25)
        metrics.observe((REQUEST, "GET", ROUTE, "200"), 0.5)
        flushing.flush("web")
    metrics.add((TASK, "webhooks.drain", "success"), 0.125)
    flushing.flush("worker")

    assert of_tests() == {
        ("web", "request", f'["GET", "{ROUTE}", "200"]'): (4, 1.5),
        ("worker", "task", '["webhooks.drain", "success"]'): (1, 0.125),
    }
    histogram = ProcessTotal.objects.get(metric="request").histogram
    assert dict(zip(UPPER_BOUNDS_SECONDS, histogram, strict=True)) == {
        **dict.fromkeys(UPPER_BOUNDS_SECONDS, 0), 0.25: 2, 0.5: 2,
    }  # fmt: skip


def test_counts_nothing_twice_and_loses_nothing_while_the_database_is_away(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics.observe((REQUEST, "GET", ROUTE, "200"), 0.25)
    with monkeypatch.context() as away:
        away.setattr(flushing, "_write", lambda *_: (_ for _ in ()).throw(OperationalError("away")))
        with pytest.raises(OperationalError):
            flushing.flush("web")
    metrics.observe((REQUEST, "GET", ROUTE, "200"), 0.25)
    flushing.flush("web")
    flushing.flush("web")

    assert of_tests() == {("web", "request", f'["GET", "{ROUTE}", "200"]'): (2, 0.5)}


def test_only_the_apis_requests_count_for_its_latency(db: None) -> None:
    metrics.observe((REQUEST, "GET", "admin/", "200"), 4.0)
    flushing.flush("web")
    assert (api_latency_p95().requests, api_latency_p95().p95_seconds) == (0, None)

    for _ in range(19):
        metrics.observe((REQUEST, "GET", ROUTE, "200"), 0.2)
    metrics.observe((REQUEST, "POST", ROUTE, "201"), 2.0)
    flushing.flush("web")
    latency = api_latency_p95()
    assert latency.requests == 20
    assert latency.p95_seconds == 0.25  # the last of 19 in the bucket up to 0.25

    metrics.observe((REQUEST, "POST", ROUTE, "201"), 2.0)
    flushing.flush("web")
    assert 1.0 < (api_latency_p95().p95_seconds or 0.0) <= 2.5


def test_the_latency_is_of_the_last_minutes_only(db: None) -> None:
    with connection.cursor() as cursor:
        for minutes, count in ((4, 3), (5, 100), (60 * 25, 100)):
            cursor.execute(
                "INSERT INTO config_requestminute (minute, count, seconds, histogram)"
                " VALUES (date_trunc('minute', now()) - make_interval(mins => %s), %s, 0, %s)",
                [minutes, count, [0] * 7 + [count] + [0] * 4],
            )
    assert api_latency_p95(minutes=5).requests == 3
    metrics.observe((REQUEST, "GET", ROUTE, "200"), 0.2)
    flushing.flush("web")
    assert api_latency_p95(minutes=5).requests == 4
    assert RequestMinute.objects.count() == 3  # the one of yesterday is forgotten


def test_what_nobody_counts_any_more_is_forgotten(db: None) -> None:
    for route in ("api/old", "api/new"):
        metrics.observe((REQUEST, "GET", route, "200"), 0.2)
    flushing.flush("web")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE config_processtotal SET updated_at = now() - CASE WHEN labels LIKE '%%old%%'"
            " THEN interval '91 days' ELSE interval '89 days' END WHERE metric = 'request'"
        )
    metrics.observe((REQUEST, "GET", "api/third", "200"), 0.2)
    flushing.flush("web")
    assert {labels for _, _, labels in of_tests()} == {'["GET", "api/new", "200"]', '["GET", "api/third", "200"]'}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [({1.0: 100}, 0.975), ({0.5: 94, 2.5: 6}, 1.25), ({0.5: 95, 2.5: 5}, 0.5), ({float("inf"): 1}, 20.0), ({}, None)],
)
def test_percentiles_lie_on_the_right_side_of_a_bound(counts: dict[float, int], expected: float | None) -> None:
    assert percentile([counts.get(bound, 0) for bound in UPPER_BOUNDS_SECONDS], 95) == (
        pytest.approx(expected) if expected is not None else None
    )


def test_threads_count_together_without_losing_one() -> None:
    counted = ProcessMetrics()
    threads = [
        threading.Thread(target=lambda: [counted.observe(("request", "x"), 0.001) for _ in range(5_000)])
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted.take() == {("request", "x"): Measured(40_000, pytest.approx(40.0), [40_000] + [0] * 11)}


def test_a_forked_child_starts_from_nothing() -> None:
    metrics.add((TASK, "parents", "success"))
    child = os.fork()
    if child == 0:
        os._exit(0 if metrics.take() == {} else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert (TASK, "parents", "success") in metrics.take()


def test_one_thread_flushes_and_writes_once_more_when_stopped(transactional_db: None) -> None:
    flushing.start_flushing("web", every=3600)
    flushing.start_flushing("web", every=3600)
    assert [thread.name for thread in threading.enumerate()].count("process-metrics") == 1
    metrics.add((TASK, "last", "success"))
    flushing.stop_flushing()
    assert of_tests() == {("web", "task", '["last", "success"]'): (1, 0.0)}


def test_processes_of_a_site_add_up_and_stopping_them_loses_nothing(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Two web processes and a worker; each request is answered by either."""
    with RunningSite(tmp_path_factory.mktemp("site")) as site:
        site.stop("web")
        site.environment["WEB_CONCURRENCY"] = "2"
        site.start("web", "gunicorn", "--config", "config/gunicorn_conf.py", "config.wsgi")
        wait_until(site.answers, "the site answers")
        for _ in range(10):
            assert requests.get(f"{site.url}/api/platform/tenants", timeout=10).status_code == 401
        site.session()

        def drained() -> bool:
            samples = samples_of(requests.get(f"{site.url}/metrics", timeout=10).text)
            key = "signalbox_task_last_seen_timestamp_seconds", (("task", "webhooks.drain"),)
            beat = "signalbox_beat_last_sent_timestamp_seconds", (("task", "webhooks.drain"),)
            return key in samples and beat in samples

        wait_until(drained, "a hint of beat's came through a worker", 30)
        assert site.stop("web") == 0
        [(count,)] = site.query(
            "SELECT sum(count) FROM config_processtotal WHERE metric = 'request' AND labels = %s",
            '["GET", "api/platform/tenants", "401"]',
        )
        assert count == 10
        site.start("web", "gunicorn", "--config", "config/gunicorn_conf.py", "config.wsgi")
        wait_until(site.answers, "the site answers")
        samples = samples_of(requests.get(f"{site.url}/metrics", timeout=10).text)
        assert value(samples, "signalbox_http_requests_total", method="GET", route=ROUTE, status="401") == 10
        assert value(samples, "signalbox_http_request_duration_seconds_count", method="GET", route=ROUTE) == 10
        assert value(samples, "signalbox_engines_alive") == 1
