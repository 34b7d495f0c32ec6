"""Look at a deployment as a whole: does everything it needs work, and does a webhook come through?"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.deployment.steps import Looked, steps, take

TABLES_SHOWN = 10  # the largest; --json has all


class Command(BaseCommand):
    help = (
        "Verify this deployment: settings, database, migrations, keys, broker, processes, partitions, system checks, and "
        "a trial delivery of a tenant that is removed again. Safe on a live site. Exit code 1 with a sentence for each finding."
    )
    requires_system_checks: list[str] = []  # they are one of the steps

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print one JSON document instead.")
        parser.add_argument(
            "--wait",
            type=float,
            default=30.0,
            metavar="SECONDS",
            help="How long processes that were just started have to show that they live (default: %(default)g).",
        )

    def handle(self, *args: Any, as_json: bool, wait: float, **options: Any) -> None:
        before = signal.signal(signal.SIGTERM, _interrupt)  # so that the trial's tenant is removed then, too
        looked = []
        try:
            for one in take(steps(wait_seconds=wait)):
                looked.append(one)
                self._say_progress(one, to_error_stream=as_json)
        except KeyboardInterrupt:
            raise CommandError("Stopped; the trial delivery's tenant is removed.", returncode=130) from None
        finally:
            signal.signal(signal.SIGTERM, before)
        if as_json:
            self.stdout.write(json.dumps(_document(looked), indent=2))
        else:
            self._say_findings(looked)
        if not all(one.is_well for one in looked):
            sys.exit(1)

    def _say_progress(self, one: Looked, *, to_error_stream: bool) -> None:
        stream = self.stderr if to_error_stream else self.stdout
        stream.style_func = None
        if one.skipped_for:
            stream.write(f"{one.name:<15} skipped: first {one.skipped_for}")
        else:
            facts = ", ".join(
                f"{name}: {value}" for name, value in one.report.facts.items() if not isinstance(value, dict)
            )
            stream.write(
                f"{one.name:<15} {'ok' if one.is_well else 'FAILED':<6} {one.seconds:6.2f} s  {facts}".rstrip()
            )
        stream.flush()

    def _say_findings(self, looked: list[Looked]) -> None:
        for one in looked:
            tables = one.report.facts.get("tables", {})
            for table, size in list(tables.items())[:TABLES_SHOWN]:
                partitions = f" ({size['partitions']} partitions)" if size["partitions"] else ""
                self.stdout.write(f"  {size['bytes'] / 1024 / 1024:10.1f} MiB  {table}{partitions}")
            if len(tables) > TABLES_SHOWN:
                self.stdout.write(f"  and {len(tables) - TABLES_SHOWN} smaller ones (--json has all)")
        findings = [finding for one in looked for finding in one.report.findings]
        if not findings:
            self.stdout.write("Everything is well.")
        for finding in findings:
            self.stdout.write(f"- {finding.message}\n    {finding.hint}")


def _document(looked: list[Looked]) -> dict[str, Any]:
    return {
        "ok": all(one.is_well for one in looked),
        "steps": [
            {
                "name": one.name,
                "ok": one.is_well,
                "skipped_for": one.skipped_for,
                "seconds": round(one.seconds, 3),
                "facts": one.report.facts,
                "findings": [{"message": each.message, "hint": each.hint} for each in one.report.findings],
            }
            for one in looked
        ],
    }


def _interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt
