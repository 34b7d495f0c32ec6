"""Create, replace, change and delete integrations.

Every function reads the row again under a lock, so concurrent edits follow one another and none is lost; what the
caller's instance holds is not looked at. A change counts up `version` and writes one activity entry with the names
of the changed fields; an edit that changes nothing writes nothing. Raises InvalidInputError for wrong values,
NotFoundError when tenant or integration are gone (or the latter is somebody else's by now), ConflictError,
PreconditionFailedError when `expected_version` is given and no longer the stored one, and EncryptionError when a stored
secret that is needed for the comparison cannot be opened in this process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Unpack
from uuid import UUID

from django.db import IntegrityError
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption.errors import KeyNotAtHandError, UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.errors import ConflictError, InvalidInputError, NotFoundError, PreconditionFailedError
from integrations.isolation.scope import tenant_scope
from integrations.models import Health, Integration, Membership, Tenant
from integrations.providers.base import Provider
from integrations.providers.registry import SHARED_SLOTS, UnknownProviderError, get_provider, providers_of_slot
from integrations.services.credential_versions import keep_version
from integrations.services.integration_defaults import ONE_DEFAULT, set_default
from integrations.services.integration_values import Envelope, Merged, envelope_problems, merge, switched_off
from integrations.services.oauth_app_secret import keep_previous_secret

_TRIES: Final = 3


def create_integration(
    *,
    actor: Actor,
    tenant: Tenant,
    provider: str,
    values: Mapping[str, object],
    owner: Membership | None = None,
    **envelope: Unpack[Envelope],
) -> Integration:
    """Fill the provider's slot of a tenant, or of one of its members. Raises ConflictError when it is filled.

    `is_default=False` adds one beside the slot's default, of which there may be any number.
    """
    declared = _provider_named(provider)
    merged = _merged(declared, values, {}, envelope, keep_public=False)
    integration = Integration(
        tenant=tenant,
        owner=owner,
        provider=declared.key,
        slot=declared.slot,
        is_default=envelope.get("is_default", True),
        config=merged.config,
        secret_changed_at=timezone.now() if _secrets_among(declared, merged.changed) else None,
        created_by_id=actor.user_id,
        created_by_name=actor.name,
        updated_by_id=actor.user_id,
        updated_by_name=actor.name,
    )
    named = _apply_envelope(integration, envelope, declared)
    try:
        with work_of(tenant.id):
            integration.save(force_insert=True)
            _record(actor, "integration.created", integration, [*named, *merged.changed])
    except IntegrityError as error:
        if ONE_DEFAULT not in str(error):
            raise
        raise ConflictError(f"The slot {declared.slot} has an integration already: change or replace it.") from error
    return integration


def replace_integration(
    *,
    actor: Actor,
    integration: Integration,
    provider: str,
    values: Mapping[str, object],
    expected_version: int | None = None,
    **envelope: Unpack[Envelope],
) -> Integration:
    """Give an integration new public fields, and perhaps another provider of its slot; the row keeps its id.

    Secrets of the same provider that are missing or blank are kept; another provider needs all its required ones.
    """
    return _update(actor, integration, provider, values, envelope, expected_version, keep_public=False)


def change_integration(
    *,
    actor: Actor,
    integration: Integration,
    values: Mapping[str, object],
    provider: str | None = None,
    expected_version: int | None = None,
    **envelope: Unpack[Envelope],
) -> Integration:
    """Change the given fields only. Another `provider` starts without fields, as `replace_integration` does.

    `is_default=True` takes the slot from the default that is there.
    """
    return _update(actor, integration, provider, values, envelope, expected_version, keep_public=True)


def put_integration(
    *,
    actor: Actor,
    tenant: Tenant,
    provider: str,
    values: Mapping[str, object],
    expected_version: int | None = None,
    **envelope: Unpack[Envelope],
) -> tuple[Integration, bool]:
    """Create or replace the tenant's default in the provider's slot; also tells whether it was created. Idempotent."""
    slot = _provider_named(provider).slot
    for _ in range(_TRIES):  # somebody else may fill or empty the slot between the look and the deed
        with tenant_scope(tenant):
            existing = Integration.objects.filter(tenant=tenant, owner=None, slot=slot, is_default=True).first()
        if existing is None and expected_version is not None:
            raise PreconditionFailedError("The slot is empty: somebody deleted what was in it.")
        try:
            if existing is None:
                made = create_integration(actor=actor, tenant=tenant, provider=provider, values=values, **envelope)
                return made, True
            replaced = replace_integration(
                actor=actor,
                integration=existing,
                provider=provider,
                values=values,
                expected_version=expected_version,
                **envelope,
            )
            return replaced, False
        except PreconditionFailedError:
            raise
        except (ConflictError, NotFoundError):
            continue
    raise ConflictError(f"The slot {slot} is being changed by somebody else: try again.")


def delete_integration(*, actor: Actor, integration: Integration, expected_version: int | None = None) -> None:
    """Delete an integration with its secrets. Webhooks that used it stay; a slot whose default it was is empty."""
    with work_of(integration.tenant_id):
        current = locked_integration(integration, expected_version)
        _record(actor, "integration.deleted", current, [])
        current.delete()


def provider_for_slot(*, slot: str, named: object) -> str:
    """Return the key of the provider that a request means for a slot.

    A slot of one provider needs no name; a shared one does. Raises NotFoundError for an unknown slot and
    InvalidInputError for a provider that is missing or does not belong there.
    """
    possible = [provider.key for provider in providers_of_slot(slot)]
    if not possible:
        raise NotFoundError(f"There is no slot {slot}.")
    if named is None and slot not in SHARED_SLOTS:
        return possible[0]
    if not isinstance(named, str) or named not in possible:
        reason = "This field is required" if named is None else "No such provider in this slot"
        raise InvalidInputError({"provider": [f"{reason}: name one of {', '.join(possible)}."]})
    return named


# --- One edit -------------------------------------------------------------------------------------------------------


def _update(
    actor: Actor,
    integration: Integration,
    provider: str | None,
    values: Mapping[str, object],
    envelope: Envelope,
    expected_version: int | None,
    *,
    keep_public: bool,
) -> Integration:
    for _ in range(_TRIES):  # two may become their slot's default at the same moment
        try:
            with work_of(integration.tenant_id):
                current = locked_integration(integration, expected_version)
                return _edited(actor, current, provider, values, envelope, keep_public=keep_public)
        except IntegrityError as error:
            if ONE_DEFAULT not in str(error):
                raise
    raise ConflictError("The slot's default is being changed by somebody else: try again.")


def _edited(
    actor: Actor,
    current: Integration,
    provider: str | None,
    values: Mapping[str, object],
    envelope: Envelope,
    *,
    keep_public: bool,
) -> Integration:
    before = current.provider
    declared = _provider_named(provider or before)
    if declared.slot != current.slot:
        raise InvalidInputError({"provider": [f"{declared.label} does not belong to the slot {current.slot}."]})
    switched = declared.key != before
    stored = {} if switched else current.config
    merged = _merged(declared, values, stored, envelope, keep_public=keep_public)
    old_label = next((other.label for other in providers_of_slot(current.slot) if other.key == before), before)
    changed = _apply_envelope(current, envelope, declared, was_called=old_label)
    changed += set_default(actor=actor, integration=current, wanted=envelope.get("is_default"))
    if switched or merged.changed:
        secrets_changed = switched or _secrets_among(declared, merged.changed)
        if secrets_changed:
            keep_version(actor=actor, integration=current)
        current.config = merged.config
        current.health = _health_after(current, merged)
        current.note_new_credentials(secrets_changed=secrets_changed)
        changed += merged.changed
    if switched:
        current.provider = declared.key
    elif not changed:
        return current
    current.version += 1
    current.updated_by_id = actor.user_id
    current.updated_by_name = actor.name
    current.save()
    verb = "integration.provider_switched" if switched else "integration.updated"
    _record(actor, verb, current, changed, f"from {before} to {declared.key}" if switched else "")
    return current


@contextmanager
def work_of(tenant_id: UUID) -> Iterator[None]:
    """Open the tenant's scope. A tenant that was deleted, perhaps just now, has no keys: it is not there any more."""
    try:
        with tenant_scope(tenant_id):
            _require_tenant(tenant_id)
            yield
    except KeyNotAtHandError:
        with tenant_scope(tenant_id):
            _require_tenant(tenant_id)
        raise


def _require_tenant(tenant_id: UUID) -> None:
    if not Tenant.objects.existing().filter(id=tenant_id).exists():
        raise NotFoundError("There is no such tenant.")


def locked_integration(integration: Integration, expected_version: int | None) -> Integration:
    """Lock the row as it is stored and return it; inside `work_of`.

    Raises NotFoundError when it is gone or has another owner by now: it is not the one that the caller was let see.
    """
    same = Integration.objects.filter(tenant_id=integration.tenant_id, owner_id=integration.owner_id)
    try:
        current = same.select_for_update().get(id=integration.id)
    except Integration.DoesNotExist:
        raise NotFoundError("The integration does not exist any more.") from None
    if expected_version is not None and current.version != expected_version:
        who = current.updated_by_name or "Somebody"
        raise PreconditionFailedError(f"{who} changed it in the meantime: load it again.")
    return current


def _provider_named(key: str) -> Provider:
    try:
        return get_provider(key)
    except UnknownProviderError:
        raise InvalidInputError({"provider": ["There is no such provider."]}) from None


def _merged(
    provider: Provider,
    values: Mapping[str, object],
    stored: Mapping[str, object],
    envelope: Envelope,
    *,
    keep_public: bool,
) -> Merged:
    merged, problems = merge(provider, given=values, stored=stored, keep_public=keep_public)
    problems |= envelope_problems(envelope, provider)
    if problems:
        raise InvalidInputError(problems)
    return keep_previous_secret(provider, merged=merged, given=values, stored=stored)


def _apply_envelope(
    integration: Integration, envelope: Envelope, provider: Provider, was_called: str = ""
) -> list[str]:
    """Set what is given and return the names of what changed. An integration without a name is called like its kind."""
    name = (envelope.get("name", integration.name) or "").strip()
    wanted: dict[str, object] = {
        "name": provider.label if name in {"", was_called} else name,
        "description": (envelope.get("description", integration.description) or "").strip(),
        "enabled": envelope.get("enabled", integration.enabled),
        "metadata": envelope.get("metadata", integration.metadata) or {},
    }
    if "capabilities" in envelope:
        wanted["disabled_capabilities"] = switched_off(
            provider, integration.disabled_capabilities, envelope["capabilities"]
        )
    changed = [field for field, value in wanted.items() if getattr(integration, field) != value]
    for field in changed:
        setattr(integration, field, wanted[field])
    return ["capabilities" if field == "disabled_capabilities" else field for field in changed]


def _secrets_among(provider: Provider, names: list[str]) -> bool:
    return any(field.name in names for field in provider.secret_fields)


def _health_after(integration: Integration, merged: Merged) -> str:
    """Nothing is known of new credentials, but a kept secret that does not open is still broken."""
    if integration.health == Health.UNREADABLE:
        kept = [value for name, value in merged.config.items() if name not in merged.changed]
        if any(isinstance(value, Secret) and not _opens(value) for value in kept):
            return Health.UNREADABLE
    return Health.UNKNOWN


def _opens(secret: Secret) -> bool:
    try:
        secret.reveal()
    except UnreadableSecretError:
        return False
    return True


def _record(actor: Actor, verb: str, integration: Integration, changed: list[str], detail: str = "") -> None:
    record_activity(
        actor=actor,
        verb=verb,
        target=integration,
        tenant_id=integration.tenant_id,
        changed_fields=changed,
        detail=detail,
    )
