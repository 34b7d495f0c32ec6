"""The matrix: one row for each fault, printed when the run is over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True, slots=True)
class Row:
    """`duplicated`: requests that repeated an attempt; a retry that the policy asks for is a new attempt, and none."""

    fault: str
    accepted: int
    delivered: int
    lost: int
    duplicated: int
    calls: int
    seconds: float | None
    note: str = ""


_HEADINGS = {
    "fault": "fault",
    "accepted": "accepted",
    "delivered": "delivered",
    "lost": "lost",
    "duplicated": "duplicated",
    "calls": "call rows",
    "seconds": "s to recover",
    "note": "measured",
}


def as_table(rows: Iterable[Row]) -> list[str]:
    """Return the lines of a Markdown table, aligned for the terminal."""
    cells = [[_HEADINGS[field.name] for field in fields(Row)]]
    cells += [[_shown(value) for value in astuple(row)] for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    cells.insert(1, ["-" * width for width in widths])
    return ["| " + " | ".join(map(_pad, line, widths)) + " |" for line in cells]


def _shown(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _pad(cell: str, width: int) -> str:
    return cell.rjust(width) if cell.replace(".", "").isdigit() else cell.ljust(width)
