"""`manage.py purge_analytics`: remove calls that have passed their retention."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.models import WebhookCall
from analytics.retention import PurgedCalls, parse_age, purge_calls
from integrations.errors import NotFoundError
from integrations.partitioning.partitions import PartitionBusyError
from integrations.tenant_lookup import get_tenant


class Command(BaseCommand):
    help = (
        "Remove webhook calls older than an age: whole days by dropping their partitions, the rest (and with --tenant "
        "everything) in batches. May be stopped at any time; the next run goes on. Only calls are removed: hourly "
        "sums stay for ever, so summaries keep their numbers; events, payloads and deliveries have their own retention."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--older-than", required=True, type=_age, metavar="AGE", help="Such as 90d, 12h or 8w.")
        parser.add_argument("--tenant", metavar="SLUG", help="Only this tenant's calls (slug or id).")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be removed and change nothing.")
        parser.add_argument("--yes", action="store_true", help="Do not ask before removing.")

    def handle(self, *_args: Any, **options: Any) -> None:
        older_than: timedelta = options["older_than"]
        tenant_id = _tenant_id(options["tenant"]) if options["tenant"] else None
        if not options["dry_run"] and not options["yes"]:
            self._confirm(older_than, options["tenant"])
        purged = PurgedCalls()
        try:
            purge_calls(
                older_than=older_than,
                tenant_id=tenant_id,
                dry_run=options["dry_run"],
                progress=self.stdout.write,
                purged=purged,
            )
        except KeyboardInterrupt:
            self._report(purged, "removed so far")
            raise CommandError("Stopped. Run the command again to go on.", returncode=130) from None
        except PartitionBusyError as error:
            self._report(purged, "removed so far")
            raise CommandError(f"{error} Run the command again later to go on.") from None
        self._report(purged, "would be removed" if options["dry_run"] else "removed")

    def _confirm(self, older_than: timedelta, tenant: str | None) -> None:
        whose = f"of the tenant {tenant}" if tenant else "of all tenants"
        try:
            answer = input(f"Remove all webhook calls {whose} that are older than {older_than}? [y/N] ")
        except EOFError:
            raise CommandError("Nobody is there to answer: confirm with --yes.") from None
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was removed.")

    def _report(self, purged: PurgedCalls, what: str) -> None:
        self.stdout.write(
            f"{WebhookCall._meta.db_table}: {purged.partitions} partitions (about {purged.rows_in_partitions} rows) "
            f"and {purged.rows} single rows {what}"
        )


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
