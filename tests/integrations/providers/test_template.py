from __future__ import annotations

import pytest

from integrations.providers.custom.template import fill, fill_address
from integrations.providers.outcome import ProviderError, Result

NAMED = {"key": "a&b/c", "other": "{{key}}"}


def test_names_are_replaced_once_and_percent_encoded_in_addresses() -> None:
    assert fill("x {{key}} {{ other }} {key} {{}}", NAMED) == "x a&b/c {{key}} {key} {{}}"
    assert fill_address("/me/{{key}}?k={{other}}", NAMED) == "/me/a%26b%2Fc?k=%7B%7Bkey%7D%7D"


def test_name_without_a_value_is_an_error() -> None:
    with pytest.raises(ProviderError) as caught:
        fill("{{missing}}", NAMED)
    assert caught.value.result is Result.BAD_CREDENTIALS
    assert caught.value.message == "The name missing stands for nothing: add missing to the named credentials."
