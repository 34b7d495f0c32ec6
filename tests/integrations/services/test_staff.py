"""People and their platform roles: who may change them, and what can never happen."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from integrations.activity.actor import Actor
from integrations.activity.models import ActivityLog
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.ids import uuid7
from integrations.models import StaffDevice, User
from integrations.services.staff import add_person, change_person, delete_person, reset_two_step

SYSTEM = Actor.system("test")


def person(name: str, role: str = "", **more: Any) -> User:
    return User.objects.create_user(name, f"{name}@example.com", platform_role=role, **more)


@pytest.fixture
def owner(db: None) -> User:
    return person("olivia", "owner")


def role(user: User) -> str:
    return User.objects.get(pk=user.pk).platform_role


def test_owner_promotes_and_demotes_on_the_record(owner: User) -> None:
    sam = person("sam")
    for wanted in ("auditor", "operator", "owner", "operator", ""):
        changed = change_person(actor=Actor.of(owner), user_id=sam.pk, changes={"platform_role": wanted})
        assert (changed.platform_role, changed.is_staff) == (wanted, bool(wanted))

    entries = ActivityLog.objects.order_by("id").values_list("verb", "tenant_id", "object_name", "changed_fields")
    assert list(entries) == [("user.role_changed", None, "sam", ["platform_role"])] * 5


@pytest.mark.parametrize("role_of_actor", ["operator", "auditor", ""])
def test_nobody_but_owners_changes_anybody(owner: User, role_of_actor: str) -> None:
    actor = person("sam", role_of_actor)
    victim = person("vic", "operator")
    for deed in (
        lambda: change_person(actor=Actor.of(actor), user_id=actor.pk, changes={"platform_role": "owner"}),
        lambda: change_person(actor=Actor.of(actor), user_id=victim.pk, changes={"is_active": False}),
        lambda: delete_person(actor=Actor.of(actor), user_id=victim.pk),
        lambda: reset_two_step(actor=Actor.of(actor), user_id=victim.pk),
        lambda: add_person(actor=Actor.of(actor), user=User(username="new", platform_role="owner")),
    ):
        with pytest.raises(NotAllowedError):
            deed()

    assert (role(actor), role(victim)) == (role_of_actor, "operator")
    assert User.objects.filter(is_active=True).count() == 3
    assert not ActivityLog.objects.exists()


def test_an_owner_of_a_moment_ago_is_none(owner: User) -> None:
    """What counts is the role at the time of the deed, not that of the object in the caller's hands."""
    actor = Actor.of(owner)
    person("other", "owner")
    User.objects.filter(pk=owner.pk).update(platform_role="operator")

    with pytest.raises(NotAllowedError):
        add_person(actor=actor, user=User(username="new"))


@pytest.mark.parametrize("changes", [{"platform_role": "operator"}, {"is_active": False}])
def test_nobody_changes_their_own_role_or_account(owner: User, changes: dict[str, Any]) -> None:
    person("other", "owner")
    with pytest.raises(InvalidInputError) as refused:
        change_person(actor=Actor.of(owner), user_id=owner.pk, changes=changes)

    assert list(refused.value.errors) == list(changes)
    owner.refresh_from_db()
    assert (owner.platform_role, owner.is_active) == ("owner", True)
    change_person(actor=Actor.of(owner), user_id=owner.pk, changes={"first_name": "Olivia"})
    with pytest.raises(ConflictError):
        delete_person(actor=Actor.of(owner), user_id=owner.pk)


@pytest.mark.parametrize("is_superuser", [True, False])
@pytest.mark.parametrize("changes", [{"platform_role": ""}, {"is_active": False}])
def test_the_last_owner_stays(owner: User, changes: dict[str, Any], is_superuser: bool) -> None:
    """Commands may do everything but this. Deactivated owners do not count."""
    person("retired", "owner", is_active=False)
    if is_superuser:  # an owner as `createsuperuser` makes one
        User.objects.filter(pk=owner.pk).update(is_superuser=True, platform_role="")

    with pytest.raises(InvalidInputError, match="last owner"):
        change_person(actor=SYSTEM, user_id=owner.pk, changes=changes)
    with pytest.raises(ConflictError, match="last owner"):
        delete_person(actor=SYSTEM, user_id=owner.pk)

    owner.refresh_from_db()
    assert owner.is_active
    assert not ActivityLog.objects.exists()


def test_demoting_a_superuser_takes_all_of_it(owner: User) -> None:
    root = User.objects.create_superuser("root", "root@example.com", "x")
    change_person(actor=Actor.of(owner), user_id=root.pk, changes={"platform_role": "auditor"})

    root.refresh_from_db()
    assert (root.platform_role, root.is_superuser, root.is_staff) == ("auditor", False, True)
    assert not root.has_perm("integrations.add_tenant")


def test_a_superusers_role_is_owner_already(owner: User) -> None:
    root = User.objects.create_superuser("root", "root@example.com", "x")
    before = root.get_session_auth_hash()
    change_person(actor=Actor.of(owner), user_id=root.pk, changes={"platform_role": "owner", "first_name": "Root"})

    root.refresh_from_db()
    assert (root.is_superuser, root.first_name) == (True, "Root")
    assert root.get_session_auth_hash() == before


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({"platform_role": "auditor"}, True),
        ({"is_active": False}, True),
        ({"first_name": "Sam"}, False),
        ({"platform_role": "operator", "is_active": True}, False),
    ],
)
def test_sessions_end_with_a_role_or_an_account(owner: User, changes: dict[str, Any], ends: bool) -> None:
    sam = person("sam", "operator")
    before = sam.get_session_auth_hash()
    change_person(actor=Actor.of(owner), user_id=sam.pk, changes=changes)
    if "is_active" in changes:
        change_person(actor=Actor.of(owner), user_id=sam.pk, changes={"is_active": True})

    assert (User.objects.get(pk=sam.pk).get_session_auth_hash() != before) is ends


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_demote_each_other() -> None:
    owners = [person("olivia", "owner"), person("oscar", "owner")]
    start = threading.Barrier(2)

    def demote(number: int) -> bool:
        start.wait()
        try:
            change_person(
                actor=Actor.of(owners[number]), user_id=owners[1 - number].pk, changes={"platform_role": "auditor"}
            )
        except (NotAllowedError, InvalidInputError):
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(demote, range(2))) == [False, True]
    assert sorted(User.objects.values_list("platform_role", flat=True)) == ["auditor", "owner"]


def test_adds_a_person_without_djangos_own_powers(owner: User) -> None:
    made = add_person(actor=Actor.of(owner), user=User(username="new", platform_role="operator", is_superuser=True))

    assert (made.is_superuser, made.is_staff, role(made)) == (False, True, "operator")
    assert ActivityLog.objects.get().verb == "user.created"


def test_names_nobody(owner: User) -> None:
    for deed in (change_person, delete_person, reset_two_step):
        arguments: dict[str, Any] = {"changes": {}} if deed is change_person else {}
        with pytest.raises(NotFoundError):
            deed(actor=SYSTEM, user_id=uuid7(), **arguments)


def test_resets_a_device_that_was_never_confirmed_without_a_word(owner: User) -> None:
    sam = person("sam", "operator")
    StaffDevice.objects.create(user=sam, key="JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")

    assert not reset_two_step(actor=Actor.of(owner), user_id=sam.pk)
    assert not StaffDevice.objects.exists()
    assert not ActivityLog.objects.exists()
