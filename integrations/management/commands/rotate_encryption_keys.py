"""`manage.py rotate_encryption_keys`: every data key is wrapped by the current ENCRYPTION_KEY."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

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


class Command(BaseCommand):
    help = (
        "Wrap all data keys by the current ENCRYPTION_KEY, while the site runs. First give every process the new key "
        "as ENCRYPTION_KEY and the old one in ENCRYPTION_KEYS_PREVIOUS, and restart them all. "
        "May be stopped at any time and run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        parser.add_argument(
            "--batch-size", type=int, default=BATCH_SIZE, help=f"data keys between two reports ({BATCH_SIZE})"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["batch_size"] < 1:
            raise CommandError("--batch-size must be 1 or more.")
        try:
            self._rotate(dry_run=options["dry_run"], batch_size=options["batch_size"])
        except KeyNotAtHandError as error:
            raise CommandError(str(error)) from None
        except UnawareProcessesError as error:
            raise CommandError(
                f"Refused: these processes do not know the master key {keyring().current_fingerprint} and could not "
                f"read what it wraps: {error}. Give them the new ENCRYPTION_KEY, restart them, and run this again "
                f"(one that was killed counts for {ALIVE_SECONDS} seconds)."
            ) from None

    def _rotate(self, *, dry_run: bool, batch_size: int) -> None:
        fingerprint = keyring().current_fingerprint
        total = keys_to_rewrap().count()
        if dry_run:
            self.stdout.write(f"{total} data keys would be wrapped by the master key {fingerprint}.")
            refuse_unaware_processes()
            return
        last = Progress(0, total, {})
        try:
            for progress in rewrap_data_keys(batch_size=batch_size):
                if progress.rewrapped > last.rewrapped:
                    self.stdout.write(f"{progress.rewrapped} of {total} data keys re-wrapped.")
                last = progress
        except KeyboardInterrupt:
            raise CommandError(f"Stopped, {keys_to_rewrap().count()} data keys remain: run this again.") from None
        for reason in last.unwrappable.values():
            self.stderr.write(reason)
        if last.remaining:
            raise CommandError(f"{last.remaining} data keys remain under another master key: run this again.")
        self.stdout.write(
            f"All data keys are wrapped by the master key {fingerprint}. "
            f"Nothing here needs ENCRYPTION_KEYS_PREVIOUS any more; backups made before now still do."
        )
