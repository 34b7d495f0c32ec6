"""Several processes that use one token, and one that is killed while it renews it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection
from django.utils import timezone

from integrations.models import Integration, OAuthGrant
from integrations.providers.outcome import ProviderError
from integrations.services import oauth_tokens
from integrations.services.oauth_tokens import access_token
from tests.oauth_server import OAuthServer

pytestmark = [pytest.mark.processes, pytest.mark.django_db(transaction=True)]
Connected = Callable[..., Integration]
Start = Callable[[Integration, int], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a process of users on this test's database; it is killed at the end whatever became of it."""
    running: list[subprocess.Popen[str]] = []

    def start(integration: Integration, users: int) -> subprocess.Popen[str]:
        parts = urlsplit(os.environ["DATABASE_URL"])
        url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integrations.oauth.token_users", str(integration.id), str(users)],
            env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def wait_until_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == "ready":
            return
    raise AssertionError("it ended before it was ready")


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def test_fifty_users_in_two_processes_make_one_refresh(connected: Connected, server: OAuthServer, start: Start) -> None:
    integration, server.delay = connected(), 0.5
    processes = [start(integration, 25) for _ in range(2)]
    for process in processes:
        wait_until_ready(process)
    for process in processes:
        go(process)
    told = [line for process in processes for line in process.communicate(timeout=60)[0].splitlines()]

    tokens = [line.split()[1] for line in told if line.startswith("token ")]
    stored = Integration.objects.get(id=integration.id).config["access_token"].reveal()
    assert tokens == [sha256(stored.encode()).hexdigest()] * 50
    assert len(server.refreshes()) == 1


def test_worker_killed_while_it_renews_is_replaced_when_its_lease_ends(
    connected: Connected, server: OAuthServer, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration, arrived, end = connected(), threading.Event(), threading.Event()
    real = server.token

    def never(body: str, headers: dict[str, str]) -> tuple[int, str, str]:
        arrived.set()
        end.wait(timeout=60)
        return 500, "text/plain", ""

    server.token = never  # type: ignore[method-assign]
    process = start(integration, 1)
    wait_until_ready(process)
    go(process)
    assert arrived.wait(timeout=30)
    process.kill()
    process.wait(timeout=10)
    server.token = real  # type: ignore[method-assign]
    end.set()

    left = OAuthGrant.objects.get()
    assert left.lease_owner is not None
    assert left.lease_until is not None
    assert left.lease_until > timezone.now() + timedelta(seconds=10)
    monkeypatch.setattr(oauth_tokens, "WAIT_SECONDS", 0.2)
    with pytest.raises(ProviderError, match="being renewed at this moment"):
        access_token(integration)

    # As if the rest of the lease had passed.
    OAuthGrant.objects.update(lease_until=timezone.now() - timedelta(milliseconds=1))
    began = time.monotonic()
    assert access_token(integration) in server.state.access_tokens
    assert time.monotonic() - began < 10
    assert len(server.refreshes()) == 1
