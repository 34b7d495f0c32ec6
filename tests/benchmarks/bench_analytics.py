"""Measure calls and their sums at several sizes: `python -m tests.benchmarks.bench_analytics [--quick] [--sizes …]`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Final

from tests.benchmarks.report import Report, write_into
from tests.benchmarks.site import running_site

SECTION: Final = "Calls of thirty days, by how many there are"
SIZES: Final = (100_000, 1_000_000, 10_000_000)
QUICK_SIZES: Final = (30_000, 300_000)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_analytics", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes: about a minute")
    parser.add_argument("--sizes", type=int, nargs="+", metavar="CALLS", help="other sizes")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the results into this Markdown page")
    arguments = parser.parse_args()
    written_by = "make bench-analytics"
    sizes = tuple(arguments.sizes or (QUICK_SIZES if arguments.quick else SIZES))
    report = Report(f"{written_by} QUICK=1" if arguments.quick else written_by, written_by=written_by)
    with running_site(report, is_quick=arguments.quick) as site:
        # They import Django's models, which need the settings of the site that runs now.
        from tests.benchmarks.calls_of_a_month import MEASURES, measure
        from tests.benchmarks.sizes_table import side_by_side

        site.prepare()
        site.processes.manage("ensure_admin")
        found = []
        for size in sizes:
            started = time.monotonic()
            found.append(measure(site, size))
            sys.stdout.write(f"{size:,} calls measured in {time.monotonic() - started:.0f} s\n")
            sys.stdout.flush()
        row = side_by_side(sizes)
        for what, unit, bar in MEASURES:
            report.add_row(SECTION, row(what, unit, tuple(figures.get(what) for figures in found), bar))
        sys.stdout.write(report.text_of(SECTION))
        results = report.markdown(postgres=site.postgres_version(), redis=site.redis_version())
    if arguments.write:
        write_into(arguments.write, report, results)
        sys.stdout.write(f"\nWritten into {arguments.write}.\n")


if __name__ == "__main__":
    main()
