"""Accepting messages: the one transaction after which a message is Signalbox's responsibility."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from integrations.encryption.errors import KeyNotAtHandError, UnreadableSecretError
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.messaging.content import sealed_content
from integrations.messaging.input import Checked, checked_input
from integrations.messaging.models import CHANNEL_LABELS, Message
from integrations.messaging.senders import environment_sender
from integrations.models import Integration, Tenant
from integrations.ports import message_queue
from integrations.providers.base import Capability
from integrations.providers.messaging import Channel, Messaging, OutgoingMessage, messaging_of
from integrations.resolution import Resolved, resolve_slot, resolved_of

_FREE_KEY: Final = """
    UPDATE messaging_message SET idempotency_key = '', fingerprint = ''
    WHERE tenant_id = %s AND idempotency_key = %s AND accepted_at < now() - interval '24 hours'
"""


def send_message(
    tenant: Tenant,
    *,
    channel: str,
    to: str,
    text: str = "",
    template: Mapping[str, Any] | None = None,
    integration_id: UUID | None = None,
    membership_id: UUID | None = None,
    triggered_by: str = "",
    metadata: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
) -> Message:
    """Store a message to one person and return it, `accepted`; an engine sends it when the transaction has committed.

    Composes with the caller's own transaction: rolled back with it, sent after its commit. What sends it is
    `integration_id`, or else what `resolve_slot` says of the channel: the member's own integration, the tenant's, the
    platform's. `template` is `{name, language, components}`. With an `idempotency_key` that was given within 24 hours,
    the message is the earlier one (`is_replay`).

    Raises, and stores nothing then: InvalidInputError, which names each wrong field, the reason and the way out;
    NotFoundError when nothing is connected or the integration does not exist; NotAllowedError for an inactive tenant;
    ConflictError for a key that was given with something else, and for credentials that cannot be used.
    """
    checked = checked_input(
        channel=channel,
        to=to,
        text=text,
        template=template,
        triggered_by=triggered_by,
        metadata=metadata,
        idempotency_key=idempotency_key,
    )
    fingerprint = _fingerprint(checked, integration_id, membership_id) if checked.idempotency_key else ""
    with tenant_scope(tenant):
        _refuse_inactive(tenant)
        if earlier := _earlier(tenant, checked, fingerprint):
            return earlier
        resolved = _resolved(tenant, checked.channel, integration_id, membership_id)
        message_id = uuid7()
        _refuse_problems(resolved, checked, message_id)
        message = Message(
            id=message_id,
            tenant_id=tenant.id,
            channel=checked.channel.value,
            provider=resolved.provider.key,
            integration=resolved.integration,
            source=resolved.source.value,
            membership_id=membership_id,
            to=checked.to,
            content=sealed_content(text=checked.text, template=checked.template),
            triggered_by=checked.triggered_by,
            metadata=checked.metadata,
            idempotency_key=checked.idempotency_key,
            fingerprint=fingerprint,
        )
        if not _is_stored(message):
            if earlier := _earlier(tenant, checked, fingerprint):
                return earlier
            raise ConflictError("The idempotency key is being used at this moment: try again.")
        message_queue().accept(
            tenant_id=tenant.id,
            message_id=message.id,
            sender_id=message.integration_id or environment_sender(tenant.id, message.provider),
        )
    return message


def _refuse_inactive(tenant: Tenant) -> None:
    if not Tenant.objects.filter(id=tenant.id, is_active=True, deleted_at=None).exists():
        raise NotAllowedError("This tenant is inactive and sends nothing.")


def _resolved(tenant: Tenant, channel: Channel, integration_id: UUID | None, membership_id: UUID | None) -> Resolved:
    if integration_id is None:
        return resolve_slot(
            tenant=tenant, slot=channel.value, membership_id=membership_id, capability=Capability.SEND_MESSAGE
        )
    owners = Q(owner=None) if membership_id is None else Q(owner=None) | Q(owner_id=membership_id)
    integration = Integration.objects.filter(owners, tenant_id=tenant.id, id=integration_id).first()
    if integration is None:
        raise NotFoundError("There is no such integration.")
    return resolved_of(integration).require(Capability.SEND_MESSAGE)


def _messaging(resolved: Resolved, channel: Channel) -> Messaging:
    provider = resolved.provider
    messaging = messaging_of(provider)
    if messaging is None:
        raise InvalidInputError({"integration": [f"{provider.label} sends no messages."]})
    if channel not in messaging.channels:
        possible = " or ".join(sorted(CHANNEL_LABELS[channel] for channel in messaging.channels))
        raise InvalidInputError({"integration": [f"{provider.label} sends by {possible}: choose that channel."]})
    return messaging


def _refuse_problems(resolved: Resolved, checked: Checked, message_id: UUID) -> None:
    """Raise what the provider's own rules have against the message."""
    messaging = _messaging(resolved, checked.channel)
    if checked.template is not None and not messaging.takes_templates:
        raise InvalidInputError({"template": [f"{resolved.provider.label} knows no templates: give a text."]})
    try:
        values = resolved.values()
    except KeyNotAtHandError:
        values = None  # an engine that has the key finds out
    except UnreadableSecretError:
        raise ConflictError("A stored secret of the integration cannot be read: enter it again.") from None
    if values is None:
        return
    outgoing = OutgoingMessage(
        id=message_id,
        channel=checked.channel,
        to=checked.to,
        text=checked.text,
        template=checked.outgoing_template,
    )
    if problems := messaging.problems(outgoing, values):
        raise InvalidInputError(problems)


def _earlier(tenant: Tenant, checked: Checked, fingerprint: str) -> Message | None:
    """Return the message that was accepted under this key; ConflictError if that was another."""
    if not checked.idempotency_key:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_FREE_KEY, [tenant.id, checked.idempotency_key])
    known = Message.objects.filter(tenant_id=tenant.id, idempotency_key=checked.idempotency_key)
    message = known.select_related("integration").first()
    if message is None:
        return None
    if message.fingerprint != fingerprint:
        raise ConflictError(f"The idempotency key {checked.idempotency_key} was given before with something else.")
    message.is_replay = True
    return message


def _is_stored(message: Message) -> bool:
    """Store it; False if another transaction stored one with the same key meanwhile, which is waited for."""
    if not message.idempotency_key:
        message.save(force_insert=True)
        return True
    try:
        with transaction.atomic():
            message.save(force_insert=True)
    except IntegrityError as error:
        if "message_one_per_key" not in str(error):
            raise
        return False
    return True


def _fingerprint(checked: Checked, integration_id: UUID | None, membership_id: UUID | None) -> str:
    """Return what two equal requests share. Keyed: the text may be a code of few digits, which a bare hash would give away."""
    content = [
        checked.channel,
        checked.to,
        checked.text,
        checked.template,
        str(integration_id or ""),
        str(membership_id or ""),
        checked.triggered_by,
        checked.metadata,
    ]
    return hmac.new(settings.SECRET_KEY.encode(), json.dumps(content, sort_keys=True).encode(), sha256).hexdigest()
