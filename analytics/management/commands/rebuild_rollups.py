"""`manage.py rebuild_rollups`: make the sums by the hour and by the minute what the stored calls add up to."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from analytics.rebuilding import RebuiltRollups, rebuild_rollups
from integrations.counting import counted
from integrations.errors import InvalidInputError, NotFoundError
from integrations.tenant_lookup import get_tenant


class Command(BaseCommand):
    help = (
        "Recompute the hourly sums, and those of the minutes that are kept, from the stored calls, hour by hour. "
        "Deliveries go on meanwhile. May be stopped at any time and run again. Hours whose calls were purged keep the "
        "sums they have."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--from", dest="start", type=_moment, metavar="TIME", help="Such as 2026-11-20 or 2026-11-20T10:00Z (UTC)."
        )
        parser.add_argument("--to", dest="end", type=_moment, metavar="TIME", help="Excluded; now unless given.")
        parser.add_argument("--tenant", metavar="SLUG", help="Only this tenant's sums (slug or id).")
        parser.add_argument("--dry-run", action="store_true", help="Say how many rows differ and change nothing.")

    def handle(self, *_args: Any, **options: Any) -> None:
        rebuilt = RebuiltRollups()
        try:
            tenant_id = get_tenant(options["tenant"]).id if options["tenant"] else None
            rebuild_rollups(
                start=options["start"],
                end=options["end"],
                tenant_id=tenant_id,
                dry_run=options["dry_run"],
                progress=self.stdout.write,
                rebuilt=rebuilt,
            )
        except NotFoundError:
            raise CommandError(f"There is no tenant {options['tenant']!r}.") from None
        except InvalidInputError as error:
            raise CommandError(
                " ".join(f"--{name}: {' '.join(texts)}" for name, texts in error.errors.items())
            ) from None
        except KeyboardInterrupt:
            self._report(rebuilt, "put right so far")
            where = f" with --from {rebuilt.next_hour:%Y-%m-%dT%H:%MZ}" if rebuilt.next_hour else ""
            raise CommandError(f"Stopped. Run the command again{where} to go on.", returncode=130) from None
        self._report(rebuilt, "differ" if options["dry_run"] else "put right")

    def _report(self, rebuilt: RebuiltRollups, what: str) -> None:
        self.stdout.write(
            f"{counted(rebuilt.hours, 'hour')}: {counted(rebuilt.hourly_rows, 'row')} by the hour and "
            f"{rebuilt.minute_rows} by the minute {what}"
        )


def _moment(text: str) -> datetime:
    try:
        found = parse_datetime(text) or datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no time: write 2026-11-20 or 2026-11-20T10:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
