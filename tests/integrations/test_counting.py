from __future__ import annotations

import pytest

from integrations.counting import counted


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("hour",), "0 hours"),
        (1, ("hour",), "1 hour"),
        (2, ("hour",), "2 hours"),
        (1, ("person", "people"), "1 person"),
        (21, ("person", "people"), "21 people"),
    ],
)
def test_noun_agrees_with_its_number(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said
