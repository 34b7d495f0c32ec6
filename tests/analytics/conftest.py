from __future__ import annotations

import pytest
from pytest_django import Settings

from integrations.ids import uuid7
from tests.analytics import calls
from tests.analytics.calls import Directory, KnownWebhook


@pytest.fixture
def directory(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Directory:
    """A directory that knows the webhook `order_created`, in place of the real one."""
    directory = Directory(webhooks=[KnownWebhook(uuid7(), "order_created")])
    monkeypatch.setattr(calls, "DIRECTORY", directory, raising=False)
    settings.WEBHOOK_DIRECTORY = "tests.analytics.calls.DIRECTORY"
    return directory


@pytest.fixture
def webhook(directory: Directory) -> KnownWebhook:
    return directory.webhooks[0]
