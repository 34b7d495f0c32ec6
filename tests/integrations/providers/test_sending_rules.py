from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from integrations.providers.answers import Answer
from integrations.providers.messaging import Verdict
from integrations.providers.sending_rules import amount, judged_by_status, judgement, own_id, provider_id


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.03330000", "0.03330000"),
        ("-0.00750", "0.00750"),
        ("12", "12"),
        ("0.123456789", "0.12345678"),
        ("999999.5", "999999.5"),
        *((text, None) for text in ("", "1000000", "1e5", "NaN", "Infinity", "1,5", " 1", "1.", "١", "--1")),
        *((other, None) for other in (None, 1.5)),
    ],
)
def test_reads_prices_that_can_be_stored_and_nothing_else(text: Any, found: str | None) -> None:
    assert amount(text) == (None if found is None else Decimal(found))


@pytest.mark.parametrize("text", ["", "a b", "a\nb", "é", "x" * 201, None, 7, ["x"]])
def test_takes_no_id_of_a_provider_that_cannot_be_stored(text: Any) -> None:
    assert provider_id(text) == ""
    assert provider_id("x" * 200) == "x" * 200


def test_reads_our_own_id_alone() -> None:
    assert own_id("019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e") == UUID("019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e")
    for text in ("", "019a9f5e6f0c7cc49d0a2f3a4b5c6d7e", "x" * 36, None, 1):
        assert own_id(text) is None


@pytest.mark.parametrize(
    ("given", "wait"), [("17", 17.0), ("0", 0.0), ("soon", None), ("", None), ("-5", 0.0), ("999999", 86400.0)]
)
def test_waits_as_long_as_is_asked_for_up_to_a_day(given: str, wait: float | None) -> None:
    answer = Answer(label="Acme", status=429, headers={"retry-after": given}, body=b"")
    judged = judged_by_status(answer)
    assert (judged.verdict, judged.retry_after) == (Verdict.RETRY, wait)


def test_does_not_wait_after_what_is_final() -> None:
    answer = Answer(label="Acme", status=400, headers={"retry-after": "17"}, body=b'{"message": "No."}')
    judged = judged_by_status(answer)
    assert (judged.verdict, judged.retry_after, judged.code) == (Verdict.REFUSED, None, "400")
    assert "No." in judged.message


def test_cuts_texts_to_what_can_be_stored() -> None:
    judged = judgement(Verdict.REFUSED, code="9" * 100, said="a\0b\n" + "x" * 1000)
    assert (len(judged.code), len(judged.message)) == (60, 500)
    assert judged.message.startswith("a b x")
