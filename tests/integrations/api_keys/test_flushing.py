"""What a web process counted is in the database when the process has ended as it should."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable

import pytest
import requests
from django.db import OperationalError

from integrations.api_keys import flushing
from integrations.api_keys.key_text import PATTERN
from integrations.api_keys.usage import UsageCounter
from tests.running_site import RunningSite, wait_until

pytestmark = pytest.mark.processes


def test_counts_are_written_when_gunicorn_is_told_to_stop(tmp_path_factory: pytest.TempPathFactory) -> None:
    with RunningSite(tmp_path_factory.mktemp("site")) as site:
        created = site.session().post(f"{site.url}/api/platform/tenants", json={"name": "Acme", "slug": "acme"})
        assert created.status_code == 201
        printed = site.manage("create_api_key", "--tenant", "acme", "--name", "Shop", "--scopes", "webhooks:read")
        [key] = re.findall(PATTERN, printed)
        headers = {"Authorization": f"Bearer {key}"}
        answers = [
            requests.request(method, f"{site.url}/api/v1/webhooks", headers=headers, timeout=10).status_code
            for method in ("GET", "GET", "POST")
        ]
        assert answers == [200, 200, 403]
        assert site.query("SELECT * FROM integrations_apikeyusage") == []
        assert site.stop("web") == 0
        assert site.query("SELECT sum(requests), sum(errors) FROM integrations_apikeyusage") == [(3, 1)]
        [(address,)] = site.query("SELECT host(last_used_address) FROM integrations_apikey WHERE last_used_at < now()")
        assert address == "127.0.0.1"
        assert key not in site.log_path.read_text()


class Recording(UsageCounter):
    """Says when it is flushed, and fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__()
        self.flushes = 0
        self.failures = failures

    def flush(self) -> None:
        self.flushes += 1
        if self.flushes <= self.failures:
            raise OperationalError("the database is away")


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, db: None) -> Callable[..., None]:
    def start_with(counter: UsageCounter, every: float) -> None:
        monkeypatch.setattr(flushing, "counter", counter)
        flushing.start_flushing(every=every)

    return start_with


def test_flushes_again_and_again_while_the_database_is_away_and_after(start: Callable[..., None]) -> None:
    counter = Recording(failures=2)
    start(counter, 0.01)
    wait_until(lambda: counter.flushes >= 4, "it flushed four times")
    flushing.stop_flushing()


def test_starts_one_thread_and_writes_once_more_when_stopped(start: Callable[..., None]) -> None:
    counter = Recording()
    start(counter, 60.0)
    start(counter, 60.0)
    assert [thread.name for thread in threading.enumerate()].count("api-key-usage") == 1
    flushing.stop_flushing()
    assert counter.flushes == 1
    flushing.stop_flushing()
    assert counter.flushes == 1
