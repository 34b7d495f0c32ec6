"""`manage.py rotate_encryption_keys`: the master key wraps every data key, or each owner gets a new data key."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.activity.actor import Actor
from integrations.counting import counted
from integrations.encryption.errors import KeyNotAtHandError
from integrations.encryption.heartbeat import ALIVE_SECONDS
from integrations.encryption.keyring import keyring
from integrations.encryption.rewrapping import (
    BATCH_SIZE,
    Progress,
    UnawareProcessesError,
    keys_to_rewrap,
    refuse_unaware_processes,
    rewrap_data_keys,
)
from integrations.errors import NotFoundError
from integrations.models import Tenant
from integrations.services import data_key_rotation
from integrations.services.data_key_rotation import plan_rotation, rotate_data_keys
from integrations.tenant_lookup import get_tenant

REPORT_SECONDS = 1.0


class Command(BaseCommand):
    help = (
        "Wrap all data keys by the current ENCRYPTION_KEY, while the site runs. First give every process the new key "
        "as ENCRYPTION_KEY and the old one in ENCRYPTION_KEYS_PREVIOUS, and restart them all. "
        "With --data-keys: give every tenant and the platform a new data key and encrypt their values anew. "
        "May be stopped at any time and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data-keys", action="store_true", help="replace the data keys themselves")
        whose = parser.add_mutually_exclusive_group()
        whose.add_argument("--tenant", metavar="SLUG", help="with --data-keys: only this tenant's (slug or id)")
        whose.add_argument("--platform", action="store_true", help="with --data-keys: only the platform's own")
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        parser.add_argument(
            "--batch-size",
            type=int,
            help=f"data keys between two reports ({BATCH_SIZE}); with --data-keys rows in one transaction "
            f"({data_key_rotation.BATCH_SIZE})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch_size"] is not None and options["batch_size"] < 1:
            raise CommandError("--batch-size must be 1 or more.")
        if (options["tenant"] or options["platform"]) and not options["data_keys"]:
            raise CommandError("--tenant and --platform go with --data-keys: the master key is everybody's.")
        try:
            if options["data_keys"]:
                self._rotate_data_keys(options)
            else:
                self._rewrap(dry_run=options["dry_run"], batch_size=options["batch_size"] or BATCH_SIZE)
        except KeyNotAtHandError as error:
            raise CommandError(str(error)) from None
        except UnawareProcessesError as error:
            raise CommandError(
                f"Refused: these processes do not know the master key {keyring().current_fingerprint} and could not "
                f"read what it wraps: {error}. Give them the new ENCRYPTION_KEY, restart them, and run this again "
                f"(one that was killed counts for {ALIVE_SECONDS} seconds)."
            ) from None

    def _rewrap(self, *, dry_run: bool, batch_size: int) -> None:
        fingerprint = keyring().current_fingerprint
        total = keys_to_rewrap().count()
        if dry_run:
            self.stdout.write(f"{counted(total, 'data key')} would be wrapped by the master key {fingerprint}.")
            refuse_unaware_processes()
            return
        last = Progress(0, total, {})
        try:
            for progress in rewrap_data_keys(batch_size=batch_size):
                if progress.rewrapped > last.rewrapped:
                    self.stdout.write(f"{progress.rewrapped} of {total} data keys re-wrapped.")
                last = progress
        except KeyboardInterrupt:
            raise CommandError(
                f"Stopped, {counted(keys_to_rewrap().count(), 'data key remains', 'data keys remain')}: run this again."
            ) from None
        for reason in last.unwrappable.values():
            self.stderr.write(reason)
        if last.remaining:
            raise CommandError(
                f"{counted(last.remaining, 'data key remains', 'data keys remain')} under another master key: run this again."
            )
        self.stdout.write(
            f"All data keys are wrapped by the master key {fingerprint}. "
            f"Nothing here needs ENCRYPTION_KEYS_PREVIOUS any more; backups made before now still do."
        )

    def _rotate_data_keys(self, options: dict[str, Any]) -> None:
        tenant, is_platform_only = self._tenant(options["tenant"]), options["platform"]
        if options["dry_run"]:
            plan = plan_rotation(tenant=tenant, is_platform_only=is_platform_only)
            self.stdout.write(
                f"{counted(plan.keys, 'data key')} would be replaced and {counted(plan.values, 'value')} re-encrypted."
            )
            refuse_unaware_processes()
            return
        last = None
        reported_at = time.monotonic()
        try:
            for last in rotate_data_keys(
                actor=Actor.system("rotate_encryption_keys"),
                tenant=tenant,
                is_platform_only=is_platform_only,
                batch_size=options["batch_size"] or data_key_rotation.BATCH_SIZE,
            ):
                if time.monotonic() - reported_at >= REPORT_SECONDS:
                    reported_at = time.monotonic()
                    self._report(last)
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run the same command again: it goes on from here.") from None
        if last is not None:
            self._report(last)
            self._conclude(last)

    def _tenant(self, reference: str | None) -> Tenant | None:
        try:
            return get_tenant(reference) if reference is not None else None
        except NotFoundError:
            raise CommandError(f"There is no tenant {reference!r}.") from None

    def _report(self, progress: data_key_rotation.Progress) -> None:
        self.stdout.write(
            f"{progress.owners_done} of {counted(progress.owners, 'owner')} done: {counted(progress.keys_replaced, 'data key')} replaced, "
            f"{counted(progress.values_moved, 'value')} re-encrypted."
        )

    def _conclude(self, progress: data_key_rotation.Progress) -> None:
        for reason in (*progress.unreadable, *progress.unfinished):
            self.stderr.write(reason)
        if progress.unfinished:
            raise CommandError("Not all could be done: run the same command again, it goes on from here.")
        if progress.unreadable:
            raise CommandError(
                f"{counted(len(progress.unreadable), 'value does', 'values do')} not open, and nothing was changed there; retired data keys of them "
                f"cannot be destroyed. Store those secrets again."
            )
        self.stdout.write(
            "No value stands under a retired data key. `manage.py destroy_retired_keys` destroys those; "
            "backups made before now need them."
        )
