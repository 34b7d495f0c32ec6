"""What a run found: figures, their ratios to each other and the bars they should hold; as text and as Markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

LIBRARIES: Final = ("aiohttp", "httptools", "uvloop", "celery", "django", "psycopg", "requests", "gunicorn")
BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"
_HEADINGS = ("what", "figure", "× bare loop", "× one task per call", "bar", "held")


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure should reach; `at_most` for times."""

    value: float
    at_most: bool = False

    def is_held(self, figure: float) -> bool:
        return figure <= self.value if self.at_most else figure >= self.value


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    figure: float
    unit: str
    bars: tuple[tuple[Bar, float, str], ...] = ()
    """Each with the figure it is for (which may be a ratio) and its unit."""
    ratio_to_bare: float | None = None
    ratio_to_tasks: float | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        bars = ", ".join(f"{'≤' if bar.at_most else '≥'} {_number(bar.value)} {unit}" for bar, _, unit in self.bars)
        held = ", ".join("yes" if bar.is_held(figure) else "**no**" for bar, figure, _ in self.bars)
        figure = f"{_number(self.figure)} {self.unit}" + (f" ({self.note})" if self.note else "")
        return self.what, figure, _ratio(self.ratio_to_bare), _ratio(self.ratio_to_tasks), bars, held


@dataclass(slots=True)
class Report:
    """All sections of a run. The first figures of the bare loop and of the baseline are what others are compared with."""

    command: str
    bare_per_second: float | None = None
    tasks_per_second: float | None = None
    bare_microseconds: float | None = None
    """Processor time of one request of the bare loop: a ratio to it holds on a busy machine, too."""
    sections: dict[str, list[Line]] = field(default_factory=dict)
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
        self.sections.setdefault(section, []).append(Line(what, figure, unit, tuple(bars), to_bare, to_tasks, note))

    def text_of(self, section: str) -> str:
        rows = [_HEADINGS, *(line.cells() for line in self.sections.get(section, []))]
        widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([f"\n== {section}", *lines, ""])

    def markdown(self, *, postgres: str, redis: str) -> str:
        versions = [f"Python {platform.python_version()}", f"PostgreSQL {postgres}", f"Redis {redis}"]
        versions += [f"{name} {version(name)}" for name in LIBRARIES]
        lines = [
            BEGIN,
            f"- Command: `{self.command}`, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"- Machine: {_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} "
            f"{platform.release()}; receiver, PostgreSQL, Redis, workers and load all on it",
            f"- Load average (1 min) before the run: {self.load_before:.1f}",
            f"- Versions: {', '.join(versions)}",
        ]
        for section, rows in self.sections.items():
            lines += ["", f"### {section}", "", f"| {' | '.join(_HEADINGS)} |", "|---|---:|---:|---:|---|---|"]
            lines += [f"| {' | '.join(line.cells())} |" for line in rows]
        if self.remarks:
            lines += ["", *(f"- {remark}" for remark in self.remarks)]
        return "\n".join([*lines, END])


def write_into(page: Path, results: str) -> None:
    """Replace the page's results, and leave its words alone."""
    text = page.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(before + results + after, encoding="utf-8")


def middle(figures: Iterable[float]) -> tuple[float, str]:
    """Return the median of several runs, and a note with their spread."""
    known = sorted(figures)
    note = f"median of {len(known)}: {_number(known[0])} to {_number(known[-1])}" if len(known) > 1 else ""
    return median(known), note


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}".rstrip("0").rstrip(".")


def _ratio(value: float | None) -> str:
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
