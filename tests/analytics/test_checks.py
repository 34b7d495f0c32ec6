from __future__ import annotations

import pytest
from pytest_django import Settings

from analytics.checks import check_webhook_directory
from tests.analytics.calls import Directory

COMPLETE, LACKING = Directory(), object()


def test_directory_of_the_settings_can_answer() -> None:
    assert check_webhook_directory() == []


@pytest.mark.parametrize(
    ("path", "errors"),
    [
        ("tests.analytics.test_checks.COMPLETE", []),
        ("tests.analytics.test_checks.LACKING", ["analytics.E002"]),
        ("tests.analytics.test_checks.MISSING", ["analytics.E001"]),
        ("no_such_package.directory", ["analytics.E001"]),
        ("nonsense", ["analytics.E001"]),
    ],
)
def test_directory_that_cannot_answer_is_reported(settings: Settings, path: str, errors: list[str]) -> None:
    settings.WEBHOOK_DIRECTORY = path
    assert [error.id for error in check_webhook_directory()] == errors
