"""What every provider that takes notices must keep; a new one is tested by declaring it."""

from __future__ import annotations

import pytest

from integrations.providers.actions import Action
from integrations.providers.base import Capability, Provider
from integrations.providers.notifying import NOTIFY, TEXT, notify_of
from integrations.providers.registry import all_providers, get_provider

WITH_NOTICES = [provider for provider in all_providers() if provider.can(Capability.NOTIFY)]


def test_which_they_are() -> None:
    assert [provider.key for provider in WITH_NOTICES] == ["slack", "github"]
    assert notify_of(get_provider("twilio")) is None


@pytest.mark.parametrize("provider", WITH_NOTICES, ids=lambda provider: provider.key)
def test_declaration_is_the_action_that_takes_a_text(provider: Provider) -> None:
    declared = notify_of(provider)
    assert isinstance(declared, Action)
    assert declared.name == NOTIFY
    assert declared in provider.declared_actions
    (text,) = [parameter for parameter in declared.parameters if parameter.required]
    assert text.name == TEXT
    assert text.max_length >= 40_000
    assert declared.is_concurrent
    assert not declared.is_repeatable
    # One switch turns both off.
    assert provider.switches.count(NOTIFY) == 1
