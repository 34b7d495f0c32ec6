"""Several integrations in a slot: whose they are, which is the default, and what happens when two want to be it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from integrations.activity.actor import Actor
from integrations.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    PreconditionFailedError,
    ServiceError,
)
from integrations.models import ActivityLog, Integration, Membership, Role, Tenant
from integrations.services.integration_items import add_integration
from integrations.services.integrations import (
    change_integration,
    create_integration,
    delete_integration,
    put_integration,
    replace_integration,
)
from integrations.services.member_authority import PLATFORM
from integrations.services.memberships import OwnedIntegrations, remove_member
from tests.integrations.people import join

N8N = {"base_url": "https://n8n.example.com/webhook"}
ACTOR = Actor.system("test")


@pytest.fixture
def mia(tenant: Tenant) -> Membership:
    join(tenant, "olga", Role.OWNER)
    return join(tenant, "mia", Role.MEMBER)


def add(tenant: Tenant, name: str, **given: Any) -> Integration:
    return add_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=N8N, name=name, **given)


def defaults() -> dict[str, bool]:
    return dict(Integration.objects.values_list("name", "is_default"))


def test_first_of_a_slot_becomes_its_default_and_others_stand_beside_it(tenant: Tenant) -> None:
    for name in ("a", "b", "c"):
        add(tenant, name)
    assert defaults() == {"a": True, "b": False, "c": False}


def test_new_default_takes_the_place_and_the_old_one_counts_a_change(tenant: Tenant) -> None:
    old = add(tenant, "a")
    add(tenant, "b", is_default=True)
    assert defaults() == {"a": False, "b": True}
    assert Integration.objects.get(id=old.id).version == 2
    assert ActivityLog.objects.get(object_id=old.id, verb="integration.updated").changed_fields == ["is_default"]


def test_member_has_defaults_of_their_own(tenant: Tenant, mia: Membership) -> None:
    add(tenant, "tenant's")
    add(tenant, "mia's", owner=mia)
    add(tenant, "mia's other", owner=mia)
    assert defaults() == {"tenant's": True, "mia's": True, "mia's other": False}


def test_default_changes_hands_by_a_change(tenant: Tenant, mia: Membership) -> None:
    add(tenant, "mia's", owner=mia)
    add(tenant, "a")
    other = add(tenant, "b")
    changed = change_integration(actor=ACTOR, integration=other, values={}, is_default=True)
    assert (changed.is_default, changed.version) == (True, 2)
    assert defaults() == {"mia's": True, "a": False, "b": True}
    again = change_integration(actor=ACTOR, integration=other, values={}, is_default=True)
    assert again.version == 2


def test_default_does_not_step_back_by_itself(tenant: Tenant) -> None:
    only = add(tenant, "a")
    with pytest.raises(InvalidInputError) as refusal:
        replace_integration(actor=ACTOR, integration=only, provider="n8n", values=N8N, is_default=False)
    assert list(refusal.value.errors) == ["is_default"]
    assert defaults() == {"a": True}


@pytest.mark.parametrize("value", [None, 1, "true", []], ids=["null", "number", "text", "list"])
def test_is_default_must_be_true_or_false(tenant: Tenant, value: object) -> None:
    add(tenant, "a")
    other = add(tenant, "b")
    with pytest.raises(InvalidInputError) as refusal:
        change_integration(actor=ACTOR, integration=other, values={}, is_default=value)
    assert refusal.value.errors == {"is_default": ["Must be true or false."]}
    assert defaults() == {"a": True, "b": False}


def test_unknown_provider_is_refused(tenant: Tenant) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        add_integration(actor=ACTOR, tenant=tenant, provider="fax", values={})
    assert refusal.value.errors == {"provider": ["There is no such provider."]}


def test_slot_view_still_refuses_a_filled_slot(tenant: Tenant) -> None:
    add(tenant, "a")
    with pytest.raises(ConflictError):
        create_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=N8N)
    assert defaults() == {"a": True}


def test_who_left_a_moment_ago_owns_nothing_new(tenant: Tenant, mia: Membership) -> None:
    remove_member(actor=ACTOR, by=PLATFORM, membership=Membership.objects.get(id=mia.id))
    with pytest.raises(NotAllowedError):
        add(tenant, "mia's", owner=mia)
    assert not Integration.objects.exists()


def test_integration_that_changed_hands_meanwhile_is_not_there(tenant: Tenant, mia: Membership) -> None:
    own = add(tenant, "mia's", owner=mia)
    remove_member(actor=ACTOR, by=PLATFORM, membership=Membership.objects.get(id=mia.id), owned=OwnedIntegrations.SHARE)
    for deed in (
        lambda: change_integration(actor=ACTOR, integration=own, values={}, enabled=False),
        lambda: delete_integration(actor=ACTOR, integration=own),
    ):
        with pytest.raises(NotFoundError):
            deed()
    assert Integration.objects.get().enabled


def test_stale_version_changes_nothing(tenant: Tenant) -> None:
    made = add(tenant, "a")
    change_integration(actor=ACTOR, integration=made, values={}, name="b")
    deeds: list[Callable[[], Any]] = [
        lambda: change_integration(actor=ACTOR, integration=made, values={}, name="c", expected_version=1),
        lambda: delete_integration(actor=ACTOR, integration=made, expected_version=1),
        lambda: put_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=N8N, name="c", expected_version=1),
    ]
    for deed in deeds:
        with pytest.raises(PreconditionFailedError):
            deed()
    assert defaults() == {"b": True}
    delete_integration(actor=ACTOR, integration=made, expected_version=2)
    with pytest.raises(PreconditionFailedError):
        put_integration(actor=ACTOR, tenant=tenant, provider="n8n", values=N8N, expected_version=2)
    assert not Integration.objects.exists()


# --- At the same moment ---------------------------------------------------------------------------------------------


def at_once(*deeds: Callable[[], Any]) -> list[Any]:
    barrier = Barrier(len(deeds))

    def run(deed: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=10)
            return deed()
        except ServiceError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(run, deeds))


@pytest.mark.django_db(transaction=True)
def test_one_default_remains_when_all_want_to_be_it(tenant: Tenant) -> None:
    rows = [add(tenant, name) for name in "abcd"]
    outcomes = at_once(
        *[
            lambda row=row: change_integration(actor=ACTOR, integration=row, values={}, is_default=True)
            for row in rows[1:]
        ]
    )
    assert not [outcome for outcome in outcomes if not isinstance(outcome, Integration | ConflictError)]
    assert sorted(defaults().values()) == [False, False, False, True]


@pytest.mark.django_db(transaction=True)
def test_one_default_remains_when_several_are_added(tenant: Tenant) -> None:
    outcomes = at_once(*[lambda name=name: add(tenant, name) for name in "abc"])
    assert [type(outcome).__name__ for outcome in outcomes] == ["Integration"] * 3
    assert sorted(defaults().values()) == [False, False, True]
