"""`manage.py create_api_key`: a key for a tenant's backend, from a terminal on the server."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.api_keys.models import DEFAULT_RATE_LIMIT
from integrations.errors import ServiceError
from integrations.services.api_keys import create_api_key
from integrations.tenant_lookup import get_tenant


class Command(BaseCommand):
    help = (
        "Make an API key for a tenant and print it, this once: alone on standard output, so that it can be piped into a "
        "secret store; the rest goes to standard error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, metavar="SLUG", help="the tenant's slug or id")
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument(
            "--scopes", required=True, nargs="+", metavar="SCOPE", help="such as events:write webhooks:* or *"
        )
        parser.add_argument("--networks", nargs="+", default=[], metavar="CIDR", help="from where alone it works")
        parser.add_argument("--rate-limit", type=int, default=DEFAULT_RATE_LIMIT, help="requests per hour")
        parser.add_argument("--expires-in-days", type=int, metavar="DAYS", help="for ever unless given")

    def handle(
        self,
        *args: Any,
        tenant: str,
        name: str,
        scopes: list[str],
        networks: list[str],
        rate_limit: int,
        expires_in_days: int | None,
        **options: Any,
    ) -> None:
        if expires_in_days is not None and not 1 <= expires_in_days <= 36_500:
            raise CommandError("--expires-in-days must be from 1 to 36500.")
        try:
            issued = create_api_key(
                actor=Actor.system("create_api_key"),
                tenant=get_tenant(tenant),
                access=None,
                name=name,
                scopes=scopes,
                allowed_networks=networks,
                rate_limit=rate_limit,
                expires_at=None if expires_in_days is None else timezone.now() + timedelta(days=expires_in_days),
            )
        except ServiceError as error:
            raise CommandError(str(error)) from None
        self.stderr.write(f"Made the key {issued.key} ({issued.key.key_prefix}…) for {tenant}. Shown this once:")
        self.stdout.write(issued.text)
