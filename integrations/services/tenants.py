"""Making, changing and deleting tenants.

Deletion takes its locks in this order: the tenant, its data keys, what its owners stop. Writers take the data key
`FOR SHARE` when they save a secret and touch the queue after that, so neither waits for the other in a circle. The
tenant's row is locked `FOR NO KEY UPDATE`: a writer that already holds the data key still has to check its foreign
key on the tenant, and must not wait for us while we wait for the key.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import structlog
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption.data_keys import create_data_key, destroy_data_keys
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.models import Tenant
from integrations.queue import request_sweep
from integrations.tenant_data_owners import tenant_data_owners
from integrations.tenant_lookup import is_uuid

logger = structlog.get_logger(__name__)

# The longest attempt takes 60 s, an engine counts as lost after 20 s, and an outcome may wait for the database.
STRAGGLERS_ARRIVE_FOR = timedelta(minutes=5)


def create_tenant(*, actor: Actor, name: str, slug: str, is_active: bool = True) -> Tenant:
    """Create a tenant with its data key.

    Raises InvalidInputError for a wrong name or slug and ConflictError for a slug that is taken.
    """
    tenant = Tenant(name=name, slug=slug, is_active=is_active)
    _validate(tenant)
    if is_uuid(slug):
        raise InvalidInputError({"slug": ["Must not read as a UUID: paths take the id or the slug."]})
    if slug.endswith("\n"):  # which a pattern's `$` lets pass
        raise InvalidInputError({"slug": ["Use lower-case letters, digits and inner hyphens."]})
    with transaction.atomic():
        try:
            with transaction.atomic():
                tenant.save(force_insert=True)
        except IntegrityError:
            raise ConflictError(f"Another tenant has the slug {slug}.") from None
        create_data_key(tenant_id=tenant.id)
        record_activity(actor=actor, verb="tenant.created", target=tenant, tenant_id=tenant.id)
    return tenant


def update_tenant(*, actor: Actor, tenant: Tenant, name: str | None = None, is_active: bool | None = None) -> Tenant:
    """Change a tenant; None leaves a field alone, and the slug never changes.

    Returns the stored tenant. Raises InvalidInputError for a wrong name and NotFoundError if it was deleted meanwhile.
    """
    wanted = {"name": name, "is_active": is_active}
    with transaction.atomic():
        stored = _lock(tenant)
        changed = [field for field, value in wanted.items() if value is not None and value != getattr(stored, field)]
        for field in changed:
            setattr(stored, field, wanted[field])
        if changed:
            _validate(stored)
            stored.save(update_fields=[*changed, "updated_at"])
            record_activity(
                actor=actor, verb="tenant.updated", target=stored, tenant_id=stored.id, changed_fields=changed
            )
    return stored


def delete_tenant(*, actor: Actor, tenant: Tenant) -> None:
    """Delete a tenant: hidden, stopped and unreadable at once; `sweep_deleted_tenants` removes the rows.

    Its slug is free again after this. Raises NotFoundError if it was deleted already.
    """
    with transaction.atomic():
        stored = _lock(tenant)
        stored.deleted_at = timezone.now()
        stored.is_active = False
        stored.save(update_fields=["deleted_at", "is_active", "updated_at"])
        destroy_data_keys(tenant_id=stored.id)
        for owner in tenant_data_owners():
            owner.stop(stored.id)
        # Of the platform, not of the tenant: the tenant's own entries go with it.
        record_activity(actor=actor, verb="tenant.deleted", target=stored, tenant_id=None)
        transaction.on_commit(request_sweep)


def sweep_deleted_tenants() -> dict[str, int]:
    """Remove the rows of deleted tenants and return how many went from each table.

    Runs every minute, and beside itself without harm. Requests that were in flight when a tenant was deleted may still
    write: its own row stays until they have ended, so that a later sweep finds what they left. What fails for one
    tenant is logged and tried again by the next sweep, and does not hold up the others.
    """
    removed: Counter[str] = Counter()
    for tenant in Tenant.objects.exclude(deleted_at=None).order_by("deleted_at"):
        try:
            removed.update(_sweep(tenant))
        except DatabaseError:
            logger.exception("tenant_sweep_failed", tenant_id=str(tenant.id))
    return dict(removed)


def _sweep(tenant: Tenant) -> Counter[str]:
    # Asked before the rows go: whoever could still write at this moment, writes before the next sweep.
    is_last = tenant.deleted_at is not None and timezone.now() - tenant.deleted_at > STRAGGLERS_ARRIVE_FOR
    removed: Counter[str] = Counter()
    for owner in tenant_data_owners():
        removed.update(owner.delete(tenant.id))
    if is_last:
        _, rows = Tenant.objects.filter(id=tenant.id).delete()
        removed.update({Tenant._meta.db_table: rows.get(Tenant._meta.label, 0)})
    if removed.total():
        logger.info("tenant_swept", tenant_id=str(tenant.id), rows={table: n for table, n in removed.items() if n})
    return removed


def _lock(tenant: Tenant) -> Tenant:
    stored = Tenant.objects.existing().select_for_update(no_key=True).filter(id=tenant.id).first()
    if stored is None:
        raise NotFoundError("There is no such tenant.")
    return stored


def _validate(tenant: Tenant) -> None:
    try:
        tenant.clean_fields()
    except ValidationError as error:
        raise InvalidInputError(error.message_dict) from None
