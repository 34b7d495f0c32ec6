"""Create, change and delete webhooks.

Every function reads the row under a lock, so that concurrent edits follow one another and none is lost. A change counts
up `version` and writes activity entries with the names of the changed fields; an edit that changes nothing writes
nothing. Raises InvalidInputError with the reasons by field, NotFoundError when the tenant or the webhook is gone,
ConflictError, and EncryptionError when a stored secret that is needed for a comparison cannot be opened here.
"""

from __future__ import annotations

from typing import Final, Unpack
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.errors import ConflictError, NotFoundError, PreconditionFailedError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from webhooks.models import DisabledReason, Webhook
from webhooks.services.breaker import forget_failures
from webhooks.services.holding import bring_back_held, cancel_unfinished, hold_waiting
from webhooks.services.locking import locked_webhook
from webhooks.services.signing_secrets import replace_signing_secret
from webhooks.services.webhook_fields import WebhookFields, assign, defaults
from webhooks.signing import new_signing_secret

_NAME_UNIQUE: Final = "webhook_name_unique"


def create_webhook(*, actor: Actor, tenant: Tenant, workflow_name: str, **fields: Unpack[WebhookFields]) -> Webhook:
    """Give a tenant a named outgoing endpoint, with a signing secret of its own.

    Without a `url` the address is derived, which must be possible now. Raises ConflictError for a name that is taken.
    """
    with tenant_scope(tenant):
        if not Tenant.objects.existing().filter(id=tenant.id).exists():
            raise NotFoundError("The tenant does not exist any more.")
        webhook = Webhook(
            tenant=tenant,
            workflow_name=workflow_name,
            created_by_id=actor.user_id,
            created_by_name=actor.name,
        )
        changed = assign(webhook, fields)
        webhook.signing_secret = new_signing_secret(webhook.signature_scheme)
        if not webhook.is_active:
            _mark_disabled(webhook)
        try:
            webhook.save(force_insert=True)
        except IntegrityError as error:
            if _NAME_UNIQUE not in str(error):
                raise
            raise ConflictError(f"This tenant has a webhook {workflow_name} already: choose another name.") from error
        _record(actor, "webhook.created", webhook, {"workflow_name", *changed})
    return webhook


def update_webhook(
    *, actor: Actor, tenant: Tenant, webhook_id: UUID, changes: WebhookFields, expected_version: int | None = None
) -> Webhook:
    """Change the given fields only. Raises PreconditionFailedError when `expected_version` is no longer the stored one.

    Disabling holds what waits, enabling brings it back; what an engine is sending at that moment is finished. Another
    signature scheme makes a new signing secret, as a rotation does.
    """
    with tenant_scope(tenant):
        current = _expected(locked_webhook(tenant, webhook_id), expected_version)
        changed = assign(current, changes)
        if not changed:
            return current
        if "is_active" in changed:
            _switch(current)
        if changed & {"url", "integration"}:
            forget_failures(current)  # they were another endpoint's
        if "signature_scheme" in changed:
            replace_signing_secret(current)
            changed.add("signing_secret")
        current.version += 1
        current.save()
        if edited := changed - {"is_active"}:
            _record(actor, "webhook.updated", current, edited)
        if "is_active" in changed:
            _record(actor, "webhook.enabled" if current.is_active else "webhook.disabled", current, {"is_active"})
    return current


def replace_webhook(
    *, actor: Actor, tenant: Tenant, webhook_id: UUID, values: WebhookFields, expected_version: int | None = None
) -> Webhook:
    """Give every public field the value in `values`, or its default; secrets that are missing or blank are kept."""
    return update_webhook(
        actor=actor,
        tenant=tenant,
        webhook_id=webhook_id,
        changes={**defaults(), **values},
        expected_version=expected_version,
    )


def delete_webhook(*, actor: Actor, tenant: Tenant, webhook_id: UUID, expected_version: int | None = None) -> None:
    """Delete a webhook with its secrets and totals; cancel what waits for it. Its calls stay until retention.

    Raises PreconditionFailedError when `expected_version` is no longer the stored one.
    """
    with tenant_scope(tenant):
        current = _expected(locked_webhook(tenant, webhook_id), expected_version)
        cancel_unfinished(current)
        _record(actor, "webhook.deleted", current)
        current.delete()


def _expected(webhook: Webhook, version: int | None) -> Webhook:
    """Return the locked webhook if it is in the version that the caller knows, or if any will do."""
    if version is not None and webhook.version != version:
        raise PreconditionFailedError("Somebody changed the webhook in the meantime: load it again.")
    return webhook


def _switch(webhook: Webhook) -> None:
    """Follow `is_active`, which was just changed."""
    if not webhook.is_active:
        _mark_disabled(webhook)
        hold_waiting(webhook)
        return
    # A person says that the endpoint is well: the failures of before must not disable it again at once.
    forget_failures(webhook)
    bring_back_held(webhook)
    webhook.disabled_reason = ""
    webhook.disabled_at = None


def _mark_disabled(webhook: Webhook) -> None:
    webhook.disabled_reason = DisabledReason.MANUAL
    webhook.disabled_at = timezone.now()


def _record(actor: Actor, verb: str, webhook: Webhook, changed: set[str] | None = None) -> None:
    record_activity(
        actor=actor,
        verb=verb,
        target=webhook,
        tenant_id=webhook.tenant_id,
        changed_fields=sorted(changed or ()),
    )
