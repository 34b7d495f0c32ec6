"""Measure the API that tenants' backends use: `python -m tests.benchmarks.bench_api [--quick] [--write PAGE]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.benchmarks.report import Report, write_into
from tests.benchmarks.site import running_site


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_api", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short runs: about a minute")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the results into this Markdown page")
    arguments = parser.parse_args()
    written_by = "make bench-api"
    report = Report(f"{written_by} QUICK=1" if arguments.quick else written_by, written_by=written_by)
    with running_site(report, is_quick=arguments.quick) as site:
        # They import Django's models, which need the settings of the site that runs now.
        from tests.benchmarks import api_requests, key_check

        site.prepare()
        for section in (key_check, api_requests):
            section.run(site)
        for name in report.sections:
            sys.stdout.write(report.text_of(name))
        results = report.markdown(postgres=site.postgres_version(), redis=site.redis_version())
    if arguments.write:
        write_into(arguments.write, report, results)
        sys.stdout.write(f"\nWritten into {arguments.write}.\n")


if __name__ == "__main__":
    main()
