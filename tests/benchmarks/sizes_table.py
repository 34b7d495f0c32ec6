"""Figures of the same thing at several sizes, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from tests.benchmarks.report import Bar, number


@dataclass(frozen=True, slots=True)
class Figure:
    """What one size gave; `note` for what explains it."""

    value: float
    note: str = ""


def side_by_side(sizes: Sequence[int]) -> type[SideBySide]:
    """Return the kind of row that has a column for each of these sizes."""
    columns = tuple(f"{size:,} calls" for size in sizes)

    class Row(SideBySide):
        headings: ClassVar = ("what", *columns, "bar", "held")
        alignment: ClassVar = f"|---|{'---:|' * len(columns)}---|---|"

    return Row


@dataclass(frozen=True)
class SideBySide:
    headings: ClassVar[tuple[str, ...]] = ()
    alignment: ClassVar[str] = ""
    what: str
    unit: str
    figures: tuple[Figure | None, ...]
    """In the order of the sizes; None where there is nothing to measure."""
    bar: Bar | None = None

    def cells(self) -> tuple[str, ...]:
        known = [figure for figure in self.figures if figure is not None]
        shown = f"{'≤' if self.bar.at_most else '≥'} {number(self.bar.value)} {self.unit}" if self.bar and known else ""
        held = ", ".join("yes" if self.bar.is_held(figure.value) else "**no**" for figure in known) if self.bar else ""
        return self.what, *(self._cell(figure) for figure in self.figures), shown, held

    def _cell(self, figure: Figure | None) -> str:
        if figure is None:
            return "not there"
        return f"{number(figure.value)} {self.unit}{f' ({figure.note})' if figure.note else ''}"
