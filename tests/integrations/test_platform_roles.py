from __future__ import annotations

import importlib

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.contrib.contenttypes.models import ContentType

from integrations.models import User
from integrations.platform_roles import (
    PlatformRole,
    may_change,
    may_manage_staff,
    may_see_secrets,
    may_view,
    role_of,
)


@pytest.mark.parametrize(
    ("user", "rights"),
    [
        (User(platform_role="owner"), (True, True, True, True)),
        (User(is_superuser=True), (True, True, True, True)),
        (User(platform_role="auditor", is_superuser=True), (True, True, True, True)),
        (User(platform_role="operator"), (True, True, True, False)),
        (User(platform_role="auditor"), (True, False, False, False)),
        (User(is_staff=True), (False, False, False, False)),
        (User(platform_role="other"), (False, False, False, False)),
        (User(platform_role="owner", is_active=False), (False, False, False, False)),
        (User(is_superuser=True, is_active=False), (False, False, False, False)),
        (AnonymousUser(), (False, False, False, False)),
        (None, (False, False, False, False)),
    ],
    ids=lambda value: "" if isinstance(value, tuple) else str(getattr(value, "platform_role", None) or "none"),
)
def test_maps_roles_to_rights(user: object, rights: tuple[bool, ...]) -> None:
    assert (may_view(user), may_change(user), may_see_secrets(user), may_manage_staff(user)) == rights


def test_migration_gives_roles_to_those_who_ran_the_platform(db: None) -> None:
    permission = Permission.objects.create(
        codename="administer_platform", content_type=ContentType.objects.get_for_model(User), name="x"
    )
    group = Group.objects.create(name="ops")
    group.permissions.add(permission)
    people = {
        "root": User.objects.create_superuser("root"),
        "direct": User.objects.create_user("direct", is_staff=True),
        "by_group": User.objects.create_user("by_group", is_staff=True),
        "no_staff": User.objects.create_user("no_staff"),
        "clerk": User.objects.create_user("clerk", is_staff=True),
    }
    for name in ("root", "direct", "no_staff"):
        people[name].user_permissions.add(permission)
    people["by_group"].groups.add(group)

    importlib.import_module("integrations.migrations.0006_platform_roles").give_roles(apps, None)

    roles = {user.username: role_of(user) for user in User.objects.all()}
    assert roles == {
        "root": PlatformRole.OWNER,
        "direct": PlatformRole.OPERATOR,
        "by_group": PlatformRole.OPERATOR,
        "no_staff": None,
        "clerk": None,
    }
    assert User.objects.get(username="root").platform_role == "owner"
    assert not Permission.objects.filter(codename="administer_platform").exists()
