from __future__ import annotations

from collections.abc import Callable

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.api_keys.checking import check_key
from integrations.api_keys.checks import check_peppers
from integrations.api_keys.hashing import pepper_fingerprint
from integrations.api_keys.models import APIKey
from integrations.services.api_keys import IssuedKey

OLD, NEW = "0f" * 32, "1e" * 32


def found() -> list[tuple[str, str]]:
    return [(message.id, message.msg) for message in check_peppers(databases=["default"])]


@pytest.fixture
def of_old_pepper(make_key: Callable[..., IssuedKey], settings: Settings) -> list[IssuedKey]:
    settings.API_KEY_PEPPER = OLD
    return [make_key(), make_key()]


def test_says_nothing_when_all_keys_are_under_the_current_pepper(of_old_pepper: list[IssuedKey]) -> None:
    assert found() == []


def test_counts_the_keys_that_still_need_a_previous_pepper(of_old_pepper: list[IssuedKey], settings: Settings) -> None:
    settings.API_KEY_PEPPER, settings.API_KEY_PEPPER_PREVIOUS = NEW, [OLD]
    said = "live API keys still need API_KEY_PEPPER_PREVIOUS: each is hashed anew when it is next used."
    assert found() == [("integrations.I041", f"2 {said}")]
    check_key(of_old_pepper[0].text, address=None)
    APIKey.objects.filter(id=of_old_pepper[1].key.id).update(revoked_at=timezone.now())
    assert found() == [("integrations.I041", f"0 {said}")]


def test_warns_of_keys_whose_pepper_is_not_at_hand(of_old_pepper: list[IssuedKey], settings: Settings) -> None:
    settings.API_KEY_PEPPER = NEW
    [(number, said)] = found()
    assert number == "integrations.W040"
    assert said.startswith("2 live API keys were hashed with a pepper that this environment does not have")
    assert pepper_fingerprint(bytes.fromhex(OLD)) in said


def test_leaves_a_wrong_environment_to_the_configurations_check(db: None, settings: Settings) -> None:
    settings.API_KEY_PEPPER, settings.CONFIGURATION_PROBLEMS = "", ["API_KEY_PEPPER is not set."]
    assert found() == []


def test_is_silent_without_a_database() -> None:
    assert check_peppers(databases=None) == []
