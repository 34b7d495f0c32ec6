from __future__ import annotations

from typing import Any

import pytest

from analytics.alerts.checks import check_ports


def test_settings_as_they_are_pass() -> None:
    assert check_ports() == []


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("ALERT_WEBHOOK_WATCH", "webhooks.nowhere.watch", "alerts.E001"),
        ("ALERT_CREDENTIAL_WATCH", "integrations.credential_watch.nobody", "alerts.E001"),
        ("ALERT_SIGNING", "webhooks.directory.directory", "alerts.E002"),
        ("API_LATENCY", "webhooks.directory.directory", "alerts.E002"),
    ],
)
def test_who_cannot_tell_is_reported(setting: str, value: str, expected: str, settings: Any) -> None:
    setattr(settings, setting, value)
    [error] = check_ports()
    assert (error.id, error.msg.startswith(setting)) == (expected, True)
