"""What a run found: figures, their ratios to each other and the bars they should hold; as text and as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import ClassVar, Final, Protocol

LIBRARIES: Final = ("aiohttp", "httptools", "uvloop", "celery", "django", "psycopg", "requests", "gunicorn")
END = "<!-- end of results -->"


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure should reach; `at_most` for times."""

    value: float
    at_most: bool = False

    def is_held(self, figure: float) -> bool:
        return figure <= self.value if self.at_most else figure >= self.value


class Row(Protocol):
    """One line of a table; the lines of a section have the same headings. `alignment` is Markdown's, as long as they."""

    headings: ClassVar[tuple[str, ...]]
    alignment: ClassVar[str]

    def cells(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Line:
    headings: ClassVar = ("what", "figure", "× bare loop", "× one task per call", "bar", "held")
    alignment: ClassVar = "|---|---:|---:|---:|---|---|"
    what: str
    figure: float
    unit: str
    bars: tuple[tuple[Bar, float, str], ...] = ()
    """Each with the figure it is for (which may be a ratio) and its unit."""
    ratio_to_bare: float | None = None
    ratio_to_tasks: float | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        figure = f"{number(self.figure)} {self.unit}" + (f" ({self.note})" if self.note else "")
        return self.what, figure, ratio(self.ratio_to_bare), ratio(self.ratio_to_tasks), *judged(self.bars)


@dataclass(slots=True)
class Report:
    """All sections of a run, for the block of the page that `written_by` writes. The first figures of the bare loop and of the baseline are what others are compared with."""

    command: str
    written_by: str = "make bench"
    bare_per_second: float | None = None
    tasks_per_second: float | None = None
    bare_microseconds: float | None = None
    """Processor time of one request of the bare loop: a ratio to it holds on a busy machine, too."""
    sections: dict[str, list[Row]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    load_before: float = field(default_factory=lambda: os.getloadavg()[0])

    def add(
        self,
        section: str,
        what: str,
        figure: float,
        unit: str,
        *,
        bars: Iterable[tuple[Bar, float, str]] = (),
        is_compared: bool = False,
        note: str = "",
    ) -> None:
        """Add a figure; `is_compared` gives it the ratios to the bare loop and to the baseline of this run."""
        to_bare = figure / self.bare_per_second if is_compared and self.bare_per_second else None
        to_tasks = figure / self.tasks_per_second if is_compared and self.tasks_per_second else None
        self.add_row(section, Line(what, figure, unit, tuple(bars), to_bare, to_tasks, note))

    def add_row(self, section: str, row: Row) -> None:
        self.sections.setdefault(section, []).append(row)

    def text_of(self, section: str) -> str:
        found = self.sections.get(section, [])
        rows = [*({row.headings for row in found}), *(row.cells() for row in found)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([f"\n== {section}", *lines, ""])

    def markdown(self, *, postgres: str, redis: str) -> str:
        versions = [f"Python {platform.python_version()}", f"PostgreSQL {postgres}", f"Redis {redis}"]
        versions += [f"{name} {version(name)}" for name in LIBRARIES]
        lines = [
            _begin(self.written_by),
            f"- Command: `{self.command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"- Machine: {_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} "
            f"{platform.release()}; receiver, PostgreSQL, Redis, workers and load all on it",
            f"- Load average (1 min) before the run: {self.load_before:.1f}",
            f"- Versions: {', '.join(versions)}",
        ]
        for section, rows in self.sections.items():
            lines += ["", f"### {section}", "", f"| {' | '.join(rows[0].headings)} |", rows[0].alignment]
            lines += [f"| {' | '.join(line.cells())} |" for line in rows]
        if self.remarks:
            lines += ["", *(f"- {remark}" for remark in self.remarks)]
        return "\n".join([*lines, END])


def write_into(page: Path, report: Report, results: str) -> None:
    """Replace the results of this kind of run, and leave the page's words and other results alone."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(_begin(report.written_by))
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(
            f"{page} has no place for the results of {report.written_by}: {_begin(report.written_by)} … {END}"
        )
    page.write_text(before + results + after, encoding="utf-8")


def _begin(written_by: str) -> str:
    return f"<!-- results: written by {written_by} -->"


def judged(bars: Sequence[tuple[Bar, float, str]]) -> tuple[str, str]:
    """Return the cells of the bars, and of whether they are held."""
    shown = ", ".join(f"{'≤' if bar.at_most else '≥'} {number(bar.value)} {unit}" for bar, _, unit in bars)
    return shown, ", ".join("yes" if bar.is_held(figure) else "**no**" for bar, figure, _ in bars)


def middle(figures: Iterable[float]) -> tuple[float, str]:
    """Return the median of several runs, and a note with their spread."""
    known = sorted(figures)
    note = f"median of {len(known)}: {number(known[0])} to {number(known[-1])}" if len(known) > 1 else ""
    return median(known), note


def number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 10 else f"{value:.0f}"


def _processor() -> str:
    names = [line.partition(":")[2].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
