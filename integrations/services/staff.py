"""People and their platform roles. Only owners, and commands, do any of this.

Whatever concerns a role locks all owners, in the order of their ids: of two owners who demote each other at the same
time one is refused, so that the platform never stands without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.activity.actor import Actor
from integrations.activity.models import ActorKind
from integrations.activity.recording import record_activity
from integrations.authentication.two_step import end_sessions, remove_device
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.models import User
from integrations.platform_roles import PlatformRole, role_of

_DETAILS = ("username", "email", "first_name", "last_name")


def owners() -> QuerySet[User]:
    """Return the people who own the platform, deactivated ones too."""
    return User.objects.filter(Q(platform_role=PlatformRole.OWNER) | Q(is_superuser=True))


def add_person(*, actor: Actor, user: User) -> User:
    """Store a new person, with the password hash and the platform role that the object has.

    Raises NotAllowedError when the actor is no owner.
    """
    with transaction.atomic():
        _lock(actor)
        user.is_superuser = False
        user.is_staff = bool(user.platform_role)
        user.save(force_insert=True)
        record_activity(actor=actor, verb="user.created", target=user, tenant_id=None)
    return user


def change_person(*, actor: Actor, user_id: UUID, changes: Mapping[str, Any]) -> User:
    """Change a person's names, address, `is_active` and `platform_role`; what is left out stays as it is.

    Another role, and deactivation, end all sessions of the person. Raises NotFoundError, NotAllowedError when the actor
    is no owner, InvalidInputError for one's own role or account and for the last owner's.
    """
    with transaction.atomic():
        active_owners, user = _lock_with(actor, user_id)
        before = role_of(user)
        changed = [name for name in _DETAILS if name in changes and getattr(user, name) != changes[name]]
        for name in changed:
            setattr(user, name, changes[name])
        changed += _change_standing(user, changes)
        if {"platform_role", "is_active"} & set(changed):
            _refuse_for_oneself(actor, user, "platform_role" if "platform_role" in changed else "is_active")
            if before is PlatformRole.OWNER and role_of(user) is not PlatformRole.OWNER and active_owners == [user.pk]:
                name = "is_active" if not user.is_active else "platform_role"
                raise InvalidInputError({name: ["This is the last owner: make somebody else an owner first."]})
            end_sessions(user)
        if changed:
            user.save(update_fields=[*changed, "is_staff", "is_superuser"])
            verb = "user.role_changed" if "platform_role" in changed else "user.updated"
            record_activity(actor=actor, verb=verb, target=user, tenant_id=None, changed_fields=changed)
    user.refresh_from_db()
    return user


def delete_person(*, actor: Actor, user_id: UUID) -> None:
    """Delete a person with their memberships. What they did stays in the activity log, under their name.

    Raises NotFoundError, NotAllowedError when the actor is no owner, ConflictError for oneself and the last owner.
    """
    with transaction.atomic():
        active_owners, user = _lock_with(actor, user_id)
        if actor.user_id == user.pk:
            raise ConflictError("Nobody deletes their own account: ask another owner.")
        if active_owners == [user.pk]:
            raise ConflictError("This is the last owner: make somebody else an owner first.")
        record_activity(actor=actor, verb="user.deleted", target=user, tenant_id=None)
        user.delete()


def reset_two_step(*, actor: Actor, user_id: UUID) -> bool:
    """Remove a person's second step, for a lost device; False when there was none. Ends their sessions.

    Raises NotFoundError and NotAllowedError.
    """
    with transaction.atomic():
        _, user = _lock_with(actor, user_id)
        return remove_device(actor=actor, user=user)


def note_password(*, actor: Actor, user: User) -> None:
    """Write down that a password was set, in the transaction that sets it."""
    record_activity(actor=actor, verb="user.password_changed", target=user, tenant_id=None, changed_fields=["password"])


def _lock(actor: Actor, *user_ids: UUID) -> tuple[list[UUID], dict[UUID, User]]:
    """Lock all owners and the people named; return the active owners' ids and everybody locked."""
    people = owners() | User.objects.filter(pk__in=user_ids)
    locked = {user.pk: user for user in people.select_for_update().order_by("pk")}
    active = [pk for pk, user in locked.items() if role_of(user) is PlatformRole.OWNER]
    if actor.kind != ActorKind.SYSTEM and actor.user_id not in active:
        raise NotAllowedError("Only owners manage people and their roles.")
    return active, locked


def _lock_with(actor: Actor, user_id: UUID) -> tuple[list[UUID], User]:
    active, locked = _lock(actor, user_id)
    if user_id not in locked:
        raise NotFoundError("There is no such person.")
    return active, locked[user_id]


def _change_standing(user: User, changes: Mapping[str, Any]) -> list[str]:
    """Set role and activity on the object; return the names of those that changed."""
    changed = []
    role = changes.get("platform_role", None)
    current = PlatformRole.OWNER.value if user.is_superuser else user.platform_role
    if role is not None and role != current:
        user.platform_role = role
        user.is_superuser = False  # which would make an owner of every role
        user.is_staff = bool(role)
        changed.append("platform_role")
    if "is_active" in changes and changes["is_active"] != user.is_active:
        user.is_active = changes["is_active"]
        changed.append("is_active")
    return changed


def _refuse_for_oneself(actor: Actor, user: User, field: str) -> None:
    if actor.user_id == user.pk:
        raise InvalidInputError({field: ["Nobody changes their own role or account: ask another owner."]})
