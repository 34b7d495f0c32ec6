"""Reading and rotating the secrets by which receivers verify signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption.errors import UnreadableSecretError
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import Webhook
from webhooks.services.locking import locked_webhook
from webhooks.signing import new_signing_secret, public_key_of

OVERLAP: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ReadSecret:
    """A webhook's signing secret in clear. `public_key` is what the receiver of an ed25519 webhook needs, else None.

    The secret before it signs as well until `previous_expires_at`; None while no rotation is under way.
    """

    signing_secret: str
    public_key: str | None
    previous_expires_at: datetime | None

    def __repr__(self) -> str:
        return f"ReadSecret(public_key={self.public_key!r}, previous_expires_at={self.previous_expires_at!r})"


def read_signing_secret(*, actor: Actor, tenant: Tenant, webhook_id: UUID) -> ReadSecret:
    """Return the one secret that may be read again, on the record.

    Raises NotFoundError, and EncryptionError when it cannot be opened here.
    """
    with tenant_scope(tenant):
        webhook = locked_webhook(tenant, webhook_id)
        secret = _read(webhook)
        record_activity(actor=actor, verb="webhook.secret_read", target=webhook, tenant_id=tenant.id)
    return secret


def rotate_signing_secret(*, actor: Actor, tenant: Tenant, webhook_id: UUID) -> ReadSecret:
    """Give the webhook a new secret of its scheme and return it; both sign for 24 hours.

    A second rotation within that time ends the time of the oldest. Raises NotFoundError. Works where the stored secret
    cannot be opened any more: that one is not kept.
    """
    with tenant_scope(tenant):
        webhook = locked_webhook(tenant, webhook_id)
        replace_signing_secret(webhook)
        webhook.version += 1
        webhook.save()
        secret = _read(webhook)
        record_activity(
            actor=actor,
            verb="webhook.secret_rotated",
            target=webhook,
            tenant_id=tenant.id,
            changed_fields=["signing_secret"],
        )
    return secret


def replace_signing_secret(webhook: Webhook) -> None:
    """Set a new secret of the webhook's scheme, and keep the one before for the overlap; the caller saves."""
    try:
        previous = webhook.signing_secret.reveal()
    except UnreadableSecretError:
        webhook.previous_signing_secret, webhook.previous_secret_expires_at = None, None
    else:
        webhook.previous_signing_secret = previous
        webhook.previous_secret_expires_at = timezone.now() + OVERLAP
    webhook.signing_secret = new_signing_secret(webhook.signature_scheme)


def forget_previous_secrets() -> int:
    """Erase the previous secrets whose overlap is over, everywhere; return how many. Safe to run beside itself."""
    expired = Webhook.objects.filter(previous_secret_expires_at__lte=timezone.now(), tenant__deleted_at=None)
    forgotten = 0
    for webhook in expired.select_related("tenant").order_by("id").iterator():
        with tenant_scope(webhook.tenant):
            try:
                current = locked_webhook(webhook.tenant, webhook.id)
            except NotFoundError:
                continue
            if current.previous_secret_expires_at is None or current.previous_secret_expires_at > timezone.now():
                continue
            current.previous_signing_secret, current.previous_secret_expires_at = None, None
            current.save(update_fields=["previous_signing_secret", "previous_secret_expires_at"])
            forgotten += 1
    return forgotten


def _read(webhook: Webhook) -> ReadSecret:
    secret = webhook.signing_secret.reveal()
    is_rotating = len(webhook.signing_secrets(timezone.now())) > 1
    return ReadSecret(secret, public_key_of(secret), webhook.previous_secret_expires_at if is_rotating else None)
