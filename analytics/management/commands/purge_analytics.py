"""`manage.py purge_analytics`: remove history that has passed its retention."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.archive import Archive, ArchiveError
from analytics.retention import Purged, parse_age, purge_expired, purge_older_than
from integrations.counting import counted
from integrations.errors import NotFoundError
from integrations.partitioning.partitions import PartitionBusyError
from integrations.partitioning.retained import retained_tables
from integrations.tenant_lookup import get_tenant


class Command(BaseCommand):
    help = (
        "Remove calls, deliveries, payloads and events that are older than the retention of the settings (and of tenants "
        "that have less), or than an age: whole days by taking out their partitions, the rest (and with --tenant "
        "everything) in batches. May be stopped at any time; the next run goes on. What may still be needed stays: "
        "payloads of 3 days, deliveries and events of 8. Hourly sums stay for ever, so summaries keep their numbers. "
        "The files of removed partitions are given back to the system by the worker, or by manage_partitions."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--older-than", type=_age, metavar="AGE", help="Such as 90d, 12h or 8w; unless given, the retention counts."
        )
        parser.add_argument("--tenant", metavar="SLUG", help="Only this tenant's history (slug or id).")
        parser.add_argument(
            "--archive-to",
            type=Path,
            metavar="DIR",
            help="Write each partition of calls into this folder before it is removed; ANALYTICS_ARCHIVE_DIR unless given.",
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would be removed and change nothing.")
        parser.add_argument("--yes", action="store_true", help="Do not ask before removing.")

    def handle(self, *_args: Any, **options: Any) -> None:
        if options["tenant"] and options["archive_to"]:
            raise CommandError("--archive-to goes without --tenant: what is archived are whole days of all tenants.")
        older_than: timedelta | None = options["older_than"]
        tenant_id = _tenant_id(options["tenant"]) if options["tenant"] else None
        purged: Purged = {}
        try:
            archive = None if tenant_id else _archive(options["archive_to"])
            if not options["dry_run"] and not options["yes"]:
                self._confirm(older_than, options["tenant"])
            self._purge(older_than, tenant_id, options["dry_run"], archive, purged)
        except KeyboardInterrupt:
            self._report(purged, "removed so far")
            raise CommandError("Stopped. Run the command again to go on.", returncode=130) from None
        except PartitionBusyError as error:
            self._report(purged, "removed so far")
            raise CommandError(f"{error} Run the command again later to go on.") from None
        except ArchiveError as error:
            self._report(purged, "removed so far")
            raise CommandError(f"{error} What is not archived was not removed.") from None
        self._report(purged, "would be removed" if options["dry_run"] else "removed")

    def _purge(
        self,
        older_than: timedelta | None,
        tenant_id: UUID | None,
        dry_run: bool,
        archive: Archive | None,
        purged: Purged,
    ) -> None:
        how: dict[str, Any] = {
            "tenant_id": tenant_id,
            "dry_run": dry_run,
            "progress": self.stdout.write,
            "archive": archive,
            "purged": purged,
        }
        if older_than is None:
            purge_expired(**how)
        else:
            purge_older_than(older_than, **how)

    def _confirm(self, older_than: timedelta | None, tenant: str | None) -> None:
        whose = f"of the tenant {tenant}" if tenant else "of all tenants"
        age = f"older than {older_than}" if older_than else "past its retention"
        try:
            answer = input(f"Remove all calls, deliveries, payloads and events {whose} {age}? [y/N] ")
        except EOFError:
            raise CommandError("Nobody is there to answer: confirm with --yes.") from None
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was removed.")

    def _report(self, purged: Purged, what: str) -> None:
        for table in retained_tables():
            if rows := purged.get(table.model._meta.db_table):
                self.stdout.write(
                    f"{table.model._meta.db_table}: {counted(rows.partitions, 'partition')} (about {counted(rows.rows_in_partitions, 'row')}) "
                    f"and {counted(rows.rows, 'single row')} {what}"
                )


def _archive(folder: Path | None) -> Archive | None:
    if folder is None and settings.ANALYTICS_ARCHIVE_DIR:
        folder = Path(settings.ANALYTICS_ARCHIVE_DIR)
    return None if folder is None else Archive(folder)


def _age(text: str) -> timedelta:
    try:
        return parse_age(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def _tenant_id(reference: str) -> UUID:
    try:
        return get_tenant(reference).id
    except NotFoundError:
        raise CommandError(f"There is no tenant {reference!r}.") from None
