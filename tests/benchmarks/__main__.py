"""Run the benchmarks: `python -m tests.benchmarks [--quick] [--only SECTION …] [--write PAGE]`."""

from __future__ import annotations

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

from tests.benchmarks.report import Report, write_into
from tests.benchmarks.site import Site, running_site

# What others are compared with: runs first, and whenever a section that compares itself runs.
YARDSTICKS = {"bare": "bare_loop", "tasks": "one_task_per_call"}
SECTIONS = {
    "throughput": "throughput",
    "fairness": "fairness",
    "hanging": "hanging_endpoint",
    "delay": "first_attempt_delay",
    "accept": "accepting",
    "statements": "statements",
    "reading": "reading",
    "backlogs": "backlogs",
    "recovery": "recovery",
    "history": "history",
}
COMPARED = {"throughput"}


def main() -> None:
    arguments = _arguments()
    wanted = arguments.only or [*YARDSTICKS, *SECTIONS]
    if COMPARED & set(wanted):
        wanted = [*YARDSTICKS, *(name for name in wanted if name not in YARDSTICKS)]
    command = "make bench-quick" if arguments.quick else "make bench"
    report = Report(command if not arguments.only else f"{command} ONLY={','.join(arguments.only)}")
    with running_site(report, is_quick=arguments.quick) as site:
        site.prepare()
        for name in wanted:
            _run(site, name, (YARDSTICKS | SECTIONS)[name])
        results = report.markdown(postgres=site.postgres_version(), redis=site.redis_version())
    if arguments.write:
        write_into(arguments.write, report, results)
        sys.stdout.write(f"\nWritten into {arguments.write}.\n")


def _run(site: Site, name: str, module_name: str) -> None:
    module = import_module(f"tests.benchmarks.{module_name}")
    started = time.monotonic()
    module.run(site)
    sys.stdout.write(site.report.text_of(module.SECTION))
    sys.stdout.write(f"({name}: {time.monotonic() - started:.0f} s)\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    names = [*YARDSTICKS, *SECTIONS]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs, small data: about three minutes")
    parser.add_argument("--only", type=lambda text: text.split(","), help=f"some of {','.join(names)}")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the results into this Markdown page")
    arguments = parser.parse_args()
    if unknown := set(arguments.only or ()) - set(names):
        parser.error(f"there is no section {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    return arguments


if __name__ == "__main__":
    main()
