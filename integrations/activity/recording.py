"""Writing the activity log."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Model

from integrations.activity.actor import Actor
from integrations.activity.models import ActivityLog

_LONGEST_NAME = 254
_LONGEST_DETAIL = 500
_LONGEST_REQUEST_ID = 64


def record_activity(
    *,
    actor: Actor,
    verb: str,
    target: Model | None = None,
    tenant_id: UUID | None,
    changed_fields: Iterable[str] = (),
    detail: str = "",
    object_kind: str | None = None,
    object_id: UUID | None = None,
    object_name: str | None = None,
) -> ActivityLog:
    """Write one entry, in the transaction of the deed itself, so that neither is stored without the other.

    `verb` is `object.past_participle` (`webhook.deleted`). What was acted on is `target`, or, where there is no row
    (any more), `object_kind`, `object_id` and `object_name`. `changed_fields` are names; values, secret or not,
    never belong in here, and neither do they in `detail`. `tenant_id` None is for deeds that concern the platform.
    """
    if target is not None:
        object_kind = object_kind or target._meta.model_name
        object_id = object_id or target.pk
        object_name = str(target) if object_name is None else object_name
    if not object_kind:
        raise ValueError("An activity needs a target or an object_kind.")
    return ActivityLog.objects.create(
        tenant_id=tenant_id,
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_name=actor.name[:_LONGEST_NAME],
        actor_address=actor.address,
        verb=verb,
        object_kind=object_kind,
        object_id=object_id,
        object_name=(object_name or "")[:_LONGEST_NAME],
        changed_fields=sorted(set(changed_fields)),
        detail=detail[:_LONGEST_DETAIL],
        request_id=actor.request_id[:_LONGEST_REQUEST_ID],
    )
