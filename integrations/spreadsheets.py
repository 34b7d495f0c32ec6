"""What a spreadsheet would run instead of showing it, in the cells of a CSV file."""

from __future__ import annotations

from typing import Final

FORMULA_BEGINNINGS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
APOSTROPHE: Final = "'"


def harmless_cell(text: str) -> str:
    """Return the text with an apostrophe before it if it begins like a formula, or with an apostrophe of its own.

    Spreadsheets hide the apostrophe and show the rest as text. One apostrophe at the beginning, taken away, always gives
    the text back.
    """
    return APOSTROPHE + text if text.startswith((*FORMULA_BEGINNINGS, APOSTROPHE)) else text
