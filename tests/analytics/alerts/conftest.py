from __future__ import annotations

from typing import Any

import pytest

from tests.analytics.alerts import watches


def _put(settings: Any, monkeypatch: pytest.MonkeyPatch, setting: str, stand_in: Any) -> Any:
    name = f"STAND_IN_{setting}"
    monkeypatch.setattr(watches, name, stand_in, raising=False)
    setattr(settings, setting, f"{watches.__name__}.{name}")
    return stand_in


@pytest.fixture
def webhooks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> watches.Webhooks:
    return _put(settings, monkeypatch, "ALERT_WEBHOOK_WATCH", watches.Webhooks())


@pytest.fixture
def credentials(settings: Any, monkeypatch: pytest.MonkeyPatch) -> watches.Credentials:
    return _put(settings, monkeypatch, "ALERT_CREDENTIAL_WATCH", watches.Credentials())


@pytest.fixture
def measured_api(settings: Any, monkeypatch: pytest.MonkeyPatch) -> watches.API:
    return _put(settings, monkeypatch, "API_LATENCY", watches.API())
