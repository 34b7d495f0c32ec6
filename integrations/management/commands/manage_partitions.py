"""`manage.py manage_partitions`: make the partitions of the days ahead, empty the default ones, and say what there is."""

from __future__ import annotations

import json
from argparse import ArgumentTypeError
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.partitioning.operations import DAYS_AHEAD
from integrations.partitioning.partitions import PartitionBusyError, drop_removed_partitions, make_partitions
from integrations.partitioning.reporting import TableReport, report_tables

_MOST_DAYS = 366


class Command(BaseCommand):
    help = (
        "Make the missing partitions of today and the days ahead, move the rows that had none out of the default "
        "partitions, give back the files of removed partitions, and report every partitioned table. Exits with 1 when "
        "rows stay in a default partition, or tomorrow has none. Safe to run at any time, beside the hourly task too."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days-ahead", type=_days, default=DAYS_AHEAD, metavar="N", help=f"Unless given, {DAYS_AHEAD}."
        )
        parser.add_argument("--list", action="store_true", help="Change nothing, and list every partition.")
        parser.add_argument("--json", action="store_true", help="Answer with one JSON object instead of sentences.")

    def handle(self, *_args: Any, **options: Any) -> None:
        made: list[str] = []
        dropped: list[str] = []
        if not options["list"]:
            try:
                made = make_partitions(days_ahead=options["days_ahead"])
            except PartitionBusyError as error:
                raise CommandError(f"{error} Run the command again later to go on.") from None
            dropped = drop_removed_partitions()
        reports = report_tables()
        findings = [finding for report in reports for finding in report.findings()]
        if options["json"]:
            tables = [asdict(report) for report in reports]
            answer = {"made": made, "dropped": dropped, "tables": tables, "findings": findings}
            self.stdout.write(json.dumps(answer, default=str, indent=2))
        else:
            self._tell(made, dropped, reports, options["list"])
        if findings:
            raise CommandError(" ".join(findings))

    def _tell(self, made: list[str], dropped: list[str], reports: list[TableReport], with_list: bool) -> None:
        for what, names in (("made", made), ("files given back", dropped)):
            for name in names:
                self.stdout.write(f"{name}: {what}")
        for report in reports:
            self.stdout.write(
                f"{report.table}: {len(report.partitions)} partitions, {report.first_day or '-'} to "
                f"{report.last_day or '-'}, about {report.rows_estimate:,} rows, {report.bytes / 2**20:,.0f} MiB; "
                f"default partition: {report.default_rows:,} rows"
            )
            for partition in report.partitions if with_list else ():
                size = f"{partition.bytes / 2**20:,.1f} MiB"
                self.stdout.write(f"  {partition.name}  about {partition.rows_estimate:,} rows  {size}")


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= _MOST_DAYS:
        raise ArgumentTypeError(f"{text!r} is no number of days from 1 to {_MOST_DAYS}.")
    return int(text)
