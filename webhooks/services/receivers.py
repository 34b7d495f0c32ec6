"""Create, change, rotate and delete receivers.

Every function reads the row under a lock, counts up `version` and writes an activity entry with the names of the
changed fields; a change that changes nothing writes nothing. Raises InvalidInputError with the reasons by field,
NotFoundError, ConflictError for a name that is taken, and PreconditionFailedError when the version that the caller
knows is no longer the stored one.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, TypedDict
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionFailedError
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from integrations.providers.receiving import Receiving
from integrations.providers.registry import UnknownProviderError, get_receiving, receiving_choices
from webhooks.models import Receiver
from webhooks.validation import event_type_problems

OVERLAP: Final = timedelta(hours=24)
MAX_NETWORKS: Final = 50
MAX_RATE: Final = 1_000_000
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,59}")


class ReceiverFields(TypedDict, total=False):
    """What can be given when a receiver is made or changed; what is left out stays as it is."""

    name: str
    options: dict[str, str]
    event_types: list[str]
    allowed_networks: list[str]
    rate_limit_per_minute: int | None
    is_active: bool


def create_receiver(
    *, actor: Actor, tenant: Tenant, provider: str, secret: str | None = None, **fields: Any
) -> Receiver:
    """Make an address at which a provider may deliver. Without a secret one is made, where the provider lets us."""
    receiving = _receiving(provider)
    given = {"options": {}, **_cleaned(receiving, fields)}
    if "name" not in given:
        raise InvalidInputError({"name": ["This field is required."]})
    checked = _given_or_made(receiving, secret, given["options"])
    with tenant_scope(tenant):
        if not Tenant.objects.existing().filter(id=tenant.id).exists():
            raise NotFoundError("The tenant does not exist any more.")
        receiver = Receiver(
            tenant=tenant,
            provider=provider,
            secret=checked,
            verify_token=secrets.token_urlsafe(24) if receiving.has_verify_token else None,
            created_by_id=actor.user_id,
            created_by_name=actor.name,
            **given,
        )
        _save(receiver, is_new=True)
        record_activity(
            actor=actor,
            verb="receiver.created",
            target=receiver,
            tenant_id=tenant.id,
            changed_fields=sorted({"provider", "secret", *given}),
        )
    return receiver


def update_receiver(
    *,
    actor: Actor,
    tenant: Tenant,
    receiver_id: UUID,
    changes: Mapping[str, Any],
    expected_version: int | None = None,
) -> Receiver:
    """Change the given fields only; secrets are changed by rotating them."""
    with tenant_scope(tenant):
        receiver = _locked(tenant, receiver_id)
        if expected_version is not None and receiver.version != expected_version:
            raise PreconditionFailedError("Somebody changed the receiver in the meantime: load it again.")
        given = _cleaned(_receiving(receiver.provider), changes)
        changed = sorted(name for name, value in given.items() if getattr(receiver, name) != value)
        if not changed:
            return receiver
        for name in changed:
            setattr(receiver, name, given[name])
        receiver.version += 1
        _save(receiver)
        record_activity(
            actor=actor, verb="receiver.updated", target=receiver, tenant_id=tenant.id, changed_fields=changed
        )
    return receiver


def rotate_receiver_secret(*, actor: Actor, tenant: Tenant, receiver_id: UUID, secret: str | None = None) -> Receiver:
    """Give the receiver another secret; the one before proves the sender as well for 24 hours.

    A second rotation within that time ends the time of the oldest.
    """
    with tenant_scope(tenant):
        receiver = _locked(tenant, receiver_id)
        receiving = _receiving(receiver.provider)
        checked = _given_or_made(receiving, secret, receiver.options)
        previous = _still_opening(receiver.secret)
        receiver.previous_secret = previous
        receiver.previous_secret_expires_at = timezone.now() + OVERLAP if previous is not None else None
        receiver.secret = checked
        receiver.version += 1
        _save(receiver)
        record_activity(
            actor=actor,
            verb="receiver.secret_rotated",
            target=receiver,
            tenant_id=tenant.id,
            changed_fields=["secret"],
        )
    return receiver


def delete_receiver(*, actor: Actor, tenant: Tenant, receiver_id: UUID, expected_version: int | None = None) -> None:
    """Delete a receiver with its secrets, counts and stored requests; events that it published stay.

    Requests that arrive meanwhile wait for the end, and are told that there is no such receiver.
    """
    with tenant_scope(tenant):
        receiver = _locked(tenant, receiver_id, to_delete=True)
        if expected_version is not None and receiver.version != expected_version:
            raise PreconditionFailedError("Somebody changed the receiver in the meantime: load it again.")
        record_activity(actor=actor, verb="receiver.deleted", target=receiver, tenant_id=tenant.id)
        receiver.delete()


def forget_previous_secrets() -> int:
    """Erase secrets of before a rotation whose overlap is over, of all tenants; return how many. Safe beside itself."""
    return Receiver.objects.filter(previous_secret_expires_at__lte=timezone.now()).update(
        previous_secret=None, previous_secret_expires_at=None
    )


def _receiving(provider: str) -> Receiving:
    try:
        return get_receiving(provider)
    except UnknownProviderError:
        known = ", ".join(key for key, _ in receiving_choices())
        raise InvalidInputError({"provider": [f"Nothing is received from it. Give one of {known}."]}) from None


def _locked(tenant: Tenant, receiver_id: UUID, *, to_delete: bool = False) -> Receiver:
    # Whoever deletes keeps others from storing what refers to the row after its own rows of that kind were deleted.
    locking = Receiver.objects.select_for_update(no_key=not to_delete)
    rows = locking.filter(tenant_id=tenant.id, id=receiver_id)
    found = rows.order_by("id").first()
    if found is None:
        raise NotFoundError("This tenant has no such receiver.")
    found.tenant = tenant
    return found


def _save(receiver: Receiver, *, is_new: bool = False) -> None:
    try:
        with transaction.atomic():
            receiver.save(force_insert=is_new)
    except IntegrityError as error:
        if "receiver_name_unique" not in str(error):
            raise
        raise ConflictError(f"This tenant has a receiver {receiver.name} already: choose another name.") from error


def _still_opening(secret: Secret) -> str | None:
    """Return the secret of before; None for one that no longer opens, since rotating is the way out of that."""
    try:
        return secret.reveal()
    except UnreadableSecretError:
        return None


def _given_or_made(receiving: Receiving, secret: str | None, options: Mapping[str, str]) -> str:
    """Return the secret to store; InvalidInputError for one that the provider cannot have given."""
    if not secret and receiving.makes_secret:
        return receiving.new_secret(options)
    if not secret:
        raise InvalidInputError({"secret": [f"This field is required. {receiving.where_from}"]})
    if not re.fullmatch(receiving.pattern, secret):
        raise InvalidInputError({"secret": [receiving.pattern_message]})
    return secret


def _cleaned(receiving: Receiving, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as they are stored; InvalidInputError names each wrong field and the way out."""
    problems: dict[str, list[str]] = {}
    cleaned = dict(given)
    if "name" in given and not _NAME.fullmatch(str(given["name"])):
        problems["name"] = ["Use up to 60 lower-case letters, digits and _, beginning with a letter or digit."]
    if "event_types" in given and (wrong := event_type_problems(given["event_types"])):
        problems["event_types"] = wrong
    for name, reasons in receiving.option_problems(given.get("options", {})).items():
        problems[f"options.{name}"] = reasons
    rate = given.get("rate_limit_per_minute")
    if rate is not None and not 1 <= rate <= MAX_RATE:
        problems["rate_limit_per_minute"] = [f"Give a number from 1 to {MAX_RATE:,}, or null for no limit."]
    if "allowed_networks" in given:
        try:
            cleaned["allowed_networks"] = _networks(given["allowed_networks"])
        except ValueError as error:
            problems["allowed_networks"] = [str(error)]
    if problems:
        raise InvalidInputError(problems)
    return cleaned


def _networks(texts: list[str]) -> list[str]:
    if len(texts) > MAX_NETWORKS:
        raise ValueError(f"Give at most {MAX_NETWORKS} networks.")
    networks = []
    for text in texts:
        try:
            networks.append(str(_unmapped(ip_network(text))))
        except ValueError:
            raise ValueError("Give networks such as 192.0.2.0/24 or 2001:db8::/32, without host bits.") from None
    return sorted(set(networks))


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    """Return IPv4 addresses in their IPv6 form as IPv4: so are the addresses with which they are compared."""
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    return IPv4Network((mapped, network.prefixlen - 96)) if mapped is not None and network.prefixlen >= 96 else network
