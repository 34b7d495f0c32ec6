"""A tenant to look at: credentials that look real, two webhooks, an API key, and a local receiver."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.services.api_keys import create_api_key
from integrations.services.integrations import put_integration
from integrations.services.tenants import create_tenant
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

SLUG = "demo"
DEMO_BEARER = "demo-bearer-0123456789"


class Command(BaseCommand):
    help = (
        "Make the demo tenant, its integrations, its webhooks and an API key, printed this once, unless the tenant is "
        "there. Nothing is overwritten."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--receiver",
            default=f"http://127.0.0.1:{settings.PORT + 1}",
            help="Where the demo's webhooks are sent: the address of `manage.py demo_receiver`.",
        )
        parser.add_argument("--force", action="store_true", help="Also outside development.")

    def handle(self, *args: Any, receiver: str, force: bool, **options: Any) -> None:
        if settings.IS_PRODUCTION and not force:
            raise CommandError("This is a production site: demo data stay out, unless you say --force.")
        if Tenant.objects.existing().filter(slug=SLUG).exists():
            self.stdout.write("The demo tenant is there already.")
            return
        actor = Actor.system("seed_demo")
        tenant = create_tenant(actor=actor, name="Demo Company", slug=SLUG)
        for provider, values in _integrations(receiver).items():
            put_integration(actor=actor, tenant=tenant, provider=provider, values=values)
        create_webhook(
            actor=actor,
            tenant=tenant,
            workflow_name="contact_form",
            description="Address derived from n8n's base URL.",
            event_types=["contact.*"],
        )
        create_webhook(
            actor=actor,
            tenant=tenant,
            workflow_name="order_created",
            description="An address and a bearer token of its own.",
            url=f"{receiver}/orders",
            auth_token=DEMO_BEARER,
            event_types=["order.created"],
        )
        names = ", ".join(Webhook.objects.filter(tenant=tenant).values_list("workflow_name", flat=True))
        self.stdout.write(
            f"Made the tenant {tenant.name} with {len(_integrations(receiver))} integrations and: {names}."
        )
        issued = create_api_key(actor=actor, tenant=tenant, access=None, name="Demo backend", scopes=["*"])
        self.stdout.write(f"Its API key for /api/v1 (shown this once): {issued.text}")


def _integrations(receiver: str) -> dict[str, dict[str, str]]:
    """Return made-up credentials in the providers' real formats, by provider."""
    return {
        "whatsapp": {
            "phone_number_id": "109876543210987",
            "business_account_id": "123456789012345",
            "access_token": "EAADemoAccessTokenThatOpensNothingAnywhere0123456789",
            "webhook_verify_token": "demo-verify-token",
            "app_secret": "0123456789abcdef0123456789abcdef",
            "phone_number": "+15550100200",
        },
        "twilio": {
            "account_sid": "AC" + "0123456789abcdef" * 2,
            "auth_token": "fedcba9876543210fedcba9876543210",
            "phone_number": "+15550100300",
        },
        "n8n": {"base_url": f"{receiver}/webhook", "api_key": "n8n_api_demo_key_that_opens_nothing"},
    }
