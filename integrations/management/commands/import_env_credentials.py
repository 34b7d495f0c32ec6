"""`manage.py import_env_credentials`: copy the platform's credentials from the environment into a tenant."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from integrations.activity.actor import Actor
from integrations.errors import ServiceError
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, Tenant
from integrations.providers.base import Provider
from integrations.providers.environment import environment_values
from integrations.providers.registry import PROVIDERS, all_providers, get_provider
from integrations.services.integration_items import add_integration
from integrations.tenant_lookup import get_tenant


class Command(BaseCommand):
    help = (
        "Copy what SIGNALBOX_<PROVIDER>_<FIELD> holds into a tenant's own integrations, encrypted. A provider that the "
        "tenant has an integration of is left alone, so that it may be repeated. Values are never printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="the tenant's slug or id")
        parser.add_argument("--provider", choices=sorted(PROVIDERS), help="only this one; else all that are set")
        parser.add_argument("--dry-run", action="store_true", help="say what would be copied")

    def handle(self, *args: Any, tenant: str, provider: str | None, dry_run: bool, **options: Any) -> None:
        try:
            owner = get_tenant(tenant)
        except ServiceError as error:
            raise CommandError(str(error)) from None
        wanted = [get_provider(provider)] if provider else all_providers()
        refused = [declared.label for declared in wanted if not self._copy(owner, declared, dry_run=dry_run)]
        if provider and not environment_values(wanted[0]).values:
            raise CommandError(f"No variable of {wanted[0].label} is set: docs/reference/settings.md lists them.")
        if refused:
            raise CommandError(f"Not copied: {', '.join(refused)}. Correct the variables named above and repeat.")

    def _copy(self, tenant: Tenant, provider: Provider, *, dry_run: bool) -> bool:
        """Copy one provider's values; tell whether nothing is wrong with them."""
        found = environment_values(provider)
        if not found.values and not found.problems:
            return True
        for name, problem in found.problems.items():
            self.stderr.write(f"{name}: {problem}")
        if found.problems:
            return False
        with tenant_scope(tenant):
            if Integration.objects.filter(tenant=tenant, owner=None, provider=provider.key).exists():
                self.stdout.write(f"{provider.label}: {tenant} has an integration already; left alone.")
                return True
        names = ", ".join(found.values)
        if dry_run:
            self.stdout.write(f"{provider.label}: would be copied ({names}).")
            return True
        try:
            add_integration(
                actor=Actor.system("import_env_credentials"),
                tenant=tenant,
                provider=provider.key,
                values=found.values,
            )
        except ServiceError as error:
            self.stderr.write(f"{provider.label}: {error}")
            return False
        self.stdout.write(self.style.SUCCESS(f"{provider.label}: copied ({names})."))
        return True
