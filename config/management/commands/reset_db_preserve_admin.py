"""Empty the site: every tenant goes, with everything of theirs; the platform's admins stay."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.counting import counted
from integrations.errors import NotFoundError
from integrations.models import Tenant
from integrations.services.tenants import delete_tenant
from integrations.tenant_data_owners import tenant_data_owners

logger = structlog.get_logger(__name__)

# The longest a request may take (60 s), and a heartbeat that says so.
QUIET_WITHIN_SECONDS = 75


class Command(BaseCommand):
    help = (
        "Delete all tenants and everything of theirs (integrations, webhooks, deliveries, calls, members); keep platform "
        "admins. Running workers finish what they are sending first. May be stopped and run again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--yes", action="store_true", help="Do not ask.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be deleted.")
        parser.add_argument("--force", action="store_true", help="Also outside development.")

    def handle(self, *args: Any, yes: bool, dry_run: bool, force: bool, **options: Any) -> None:
        if settings.IS_PRODUCTION and not force and not dry_run:
            raise CommandError("This is a production site: nothing was deleted. Say --force if you mean it.")
        before = self._count()
        self._print("Rows that would be deleted:" if dry_run else "Rows to delete:", before)
        if dry_run:
            return
        if not yes and input("Type “delete” to go on: ").strip() != "delete":
            raise CommandError("Nothing was deleted.")
        self._stop_tenants()
        self._wait_for_requests_in_flight()
        for owner in tenant_data_owners():
            owner.delete(None)
        # Not what this process deleted: a running worker's sweep of deleted tenants may have been quicker.
        deleted = before - self._count()
        self._print("Deleted:", deleted)
        logger.info("database_reset", deleted=dict(deleted))

    def _count(self) -> Counter[str]:
        counts: Counter[str] = Counter()
        for owner in tenant_data_owners():
            counts.update(owner.count(None))
        return counts

    def _stop_tenants(self) -> None:
        """Delete each tenant as its own command would: hidden, its queue empty, its keys destroyed."""
        actor = Actor.system("reset_db_preserve_admin")
        for tenant in Tenant.objects.existing().order_by("id"):
            try:
                delete_tenant(actor=actor, tenant=tenant)
            except NotFoundError:  # somebody else was quicker
                continue

    def _wait_for_requests_in_flight(self) -> None:
        """Let running engines finish, so that no late outcome is written into the emptied tables."""
        give_up_at = time.monotonic() + QUIET_WITHIN_SECONDS
        stopped_at = timezone.now()
        said = 0
        while (
            busy := sum(owner.in_flight(stopped_at) for owner in tenant_data_owners())
        ) and time.monotonic() < give_up_at:
            if busy != said:
                self.stdout.write(f"Waiting for {counted(busy, 'request')} in flight …")
                said = busy
            time.sleep(0.5)
        if busy:
            raise CommandError(
                f"{busy} requests are still in flight. The tenants are deleted; run this again for their rows."
            )

    def _print(self, title: str, counts: Counter[str]) -> None:
        self.stdout.write(title)
        for table, rows in counts.items():
            if rows:
                self.stdout.write(f"  {table:<32}{rows:>12,}")
        self.stdout.write(f"  {'all':<32}{counts.total():>12,}")
