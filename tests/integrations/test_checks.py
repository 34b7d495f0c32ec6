from __future__ import annotations

import pytest
from django.core.checks import Error, run_checks
from django.test import override_settings

from integrations.checks import check_configuration, check_encryption


def test_reports_each_problem_of_the_environment() -> None:
    with override_settings(CONFIGURATION_PROBLEMS=["SECRET_KEY is not set.", "PORT must be a whole number."]):
        assert check_configuration() == [
            Error("SECRET_KEY is not set.", id="integrations.E001"),
            Error("PORT must be a whole number.", id="integrations.E001"),
        ]


@pytest.mark.django_db
def test_reports_a_missing_encryption_key() -> None:
    with override_settings(ENCRYPTION_KEY=""):
        [problem] = check_encryption()

    assert problem.id == "integrations.E002"
    assert "ENCRYPTION_KEY" in problem.msg


@pytest.mark.django_db
def test_runs_with_all_other_checks_and_finds_nothing_wrong_here() -> None:
    messages = run_checks(databases=["default"], include_deployment_checks=False)

    assert [message for message in messages if (message.id or "").startswith("integrations.")] == []
