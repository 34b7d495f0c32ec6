"""`manage.py destroy_retired_keys`: retired data keys that nothing needs any more are destroyed for ever."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.activity.actor import Actor
from integrations.encryption.models import DataKey
from integrations.errors import ConflictError, NotFoundError
from integrations.models import Tenant
from integrations.services.data_key_destruction import Destruction, destroy_retired_keys, plan_destruction
from integrations.tenant_lookup import get_tenant


class Command(BaseCommand):
    help = (
        "Destroy the retired data keys under which no value stands any more, after counting again while nobody writes. "
        "Run `rotate_encryption_keys --data-keys` first. Backups that were made before that rotation cannot be read "
        "without these keys, unless their own copies of the key rows are restored with them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="Only this tenant's keys (slug or id).")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be destroyed and change nothing.")
        parser.add_argument("--yes", action="store_true", help="Do not ask before destroying.")

    def handle(self, *_args: Any, **options: Any) -> None:
        tenant = _tenant(options["tenant"])
        plan = plan_destruction(tenant=tenant)
        if options["dry_run"]:
            self._report(plan, "would be destroyed")
            return
        if plan.destroyed and not options["yes"]:
            self._confirm(len(plan.destroyed))
        try:
            done = destroy_retired_keys(actor=Actor.system("destroy_retired_keys"), tenant=tenant)
        except ConflictError as error:
            raise CommandError(f"{error} Run this again later.") from None
        self._report(done, "destroyed")
        if done.kept:
            raise CommandError(
                f"{len(done.kept)} retired data keys were kept, because values stand under them: run "
                f"`rotate_encryption_keys --data-keys`; what it reports as not opening has to be stored again."
            )

    def _confirm(self, number: int) -> None:
        try:
            answer = input(f"Destroy {number} retired data keys for ever? Nothing brings them back. [y/N] ")
        except EOFError:
            raise CommandError("Nobody is there to answer: confirm with --yes.") from None
        if answer.strip().lower() not in {"y", "yes"}:
            raise CommandError("Nothing was destroyed.")

    def _report(self, result: Destruction, what: str) -> None:
        for remaining in result.kept:
            of_models = ", ".join(f"{number} of {label}" for label, number in sorted(remaining.values.items()))
            self.stdout.write(f"Kept data key {remaining.key.id} of {_owner(remaining.key)}, with values {of_models}:")
            for row in remaining.rows:
                self.stdout.write(f"  {row}")
        self.stdout.write(f"{len(result.destroyed)} retired data keys {what}, {len(result.kept)} kept.")


def _owner(key: DataKey) -> str:
    return f"tenant {key.tenant.slug}" if key.tenant is not None else "the platform"


def _tenant(reference: str | None) -> Tenant | None:
    try:
        return get_tenant(reference) if reference is not None else None
    except NotFoundError:
        raise CommandError(f"There is no tenant {reference!r}.") from None
