from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.models import ActorKind
from integrations.api_keys.checking import InvalidKeyError, check_key
from integrations.api_keys.models import APIKey
from integrations.authentication.access import TenantAccess
from integrations.errors import ConflictError, InvalidInputError, NotAllowedError, NotFoundError
from integrations.ids import uuid7
from integrations.models import ActivityLog, Tenant
from integrations.services import api_keys
from integrations.services.api_keys import (
    IssuedKey,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
    update_api_key,
)
from integrations.services.tenants import create_tenant, delete_tenant

Make = Callable[..., IssuedKey]
HOUR = timedelta(hours=1)


def access_of(issued: IssuedKey) -> TenantAccess:
    key = issued.key
    actor = Actor(ActorKind.API_KEY, key.id, key.name)
    return TenantAccess(key.tenant, frozenset(key.scopes), actor, api_key_id=key.id)


def verbs() -> list[tuple[str, str, list[str]]]:
    entries = ActivityLog.objects.filter(object_kind="api_key").order_by("id")
    return list(entries.values_list("verb", "actor_name", "changed_fields"))


def is_accepted(issued: IssuedKey) -> bool:
    try:
        check_key(issued.text, address=None)
    except InvalidKeyError:
        return False
    return True


# --- Making ----------------------------------------------------------------------------------------------------------


def test_created_key_works_and_only_its_hash_is_stored(make_key: Make, admin_actor: Actor) -> None:
    issued = make_key("webhooks:read")
    stored = APIKey.objects.get()
    assert is_accepted(issued)
    assert issued.text.startswith(f"{stored.key_prefix}_")
    assert (stored.rate_limit, stored.allowed_networks, stored.expires_at) == (1000, [], None)
    assert (stored.created_by_kind, stored.created_by_id, stored.created_by_name) == ("user", admin_actor.id, "ada")
    assert issued.text not in repr(issued)
    assert verbs() == [("api_key.created", "ada", [])]


def test_name_and_scopes_are_required(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refused:
        create_api_key(actor=admin_actor, tenant=tenant, access=None)
    assert set(refused.value.errors) == {"name", "scopes"}
    assert APIKey.objects.count() == 0


def test_the_hundred_and_first_live_key_is_refused(make_key: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api_keys.MAX_LIVE_KEYS == 100
    monkeypatch.setattr(api_keys, "MAX_LIVE_KEYS", 2)
    first, _ = make_key(), make_key()
    with pytest.raises(ConflictError, match="the most it may"):
        make_key()
    APIKey.objects.filter(id=first.key.id).update(expires_at=timezone.now())
    make_key()
    assert APIKey.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_limit_holds_when_keys_are_made_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE_KEYS", 3)
    actor = Actor.system("test")
    tenant = create_tenant(actor=actor, name="Acme", slug="acme")
    refused: list[ConflictError] = []
    start = threading.Barrier(8)

    def create() -> None:
        start.wait()
        try:
            create_api_key(actor=actor, tenant=tenant, access=None, name="x", scopes=["*"])
        except ConflictError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (APIKey.objects.count(), len(refused)) == (3, 5)


def test_deleted_tenant_gets_no_key(make_key: Make, tenant: Tenant, admin_actor: Actor) -> None:
    delete_tenant(actor=admin_actor, tenant=tenant)
    with pytest.raises(NotFoundError):
        make_key()
    assert APIKey.objects.count() == 0


# --- Nobody gives more than they have ----------------------------------------------------------------------------------


@pytest.fixture
def narrow(make_key: Make) -> IssuedKey:
    return make_key(
        "keys:manage",
        "webhooks:read",
        allowed_networks=["10.0.0.0/8"],
        rate_limit=100,
        expires_at=timezone.now() + timedelta(days=30),
    )


def within(narrow: IssuedKey) -> dict[str, object]:
    return {
        "scopes": ["webhooks:read"],
        "allowed_networks": ["10.1.0.0/16"],
        "rate_limit": 100,
        "expires_at": narrow.key.expires_at,
    }


def test_key_makes_a_key_within_what_it_has(narrow: IssuedKey, tenant: Tenant) -> None:
    access = access_of(narrow)
    made = create_api_key(actor=access.actor, tenant=tenant, access=access, name="Child", **within(narrow))
    assert is_accepted(make_unrestricted(made))
    assert (made.key.created_by_kind, made.key.created_by_id) == ("api_key", narrow.key.id)
    assert made.key.created_by_name == "Shop backend"


def make_unrestricted(issued: IssuedKey) -> IssuedKey:
    APIKey.objects.filter(id=issued.key.id).update(allowed_networks=[])
    return issued


WIDER = {
    "scopes": ["webhooks:write"],
    "allowed_networks": [],
    "rate_limit": 101,
    "expires_at": None,
}


@pytest.mark.parametrize("field", WIDER)
def test_key_makes_no_key_beyond_what_it_has(narrow: IssuedKey, tenant: Tenant, field: str) -> None:
    access = access_of(narrow)
    with pytest.raises(NotAllowedError):
        create_api_key(
            actor=access.actor, tenant=tenant, access=access, name="x", **{**within(narrow), field: WIDER[field]}
        )
    assert APIKey.objects.count() == 1
    assert [verb for verb, _, _ in verbs()] == ["api_key.created"]


@pytest.mark.parametrize("field", WIDER)
def test_key_does_not_widen_itself(narrow: IssuedKey, tenant: Tenant, field: str) -> None:
    access = access_of(narrow)
    before = APIKey.objects.values().get()
    with pytest.raises(NotAllowedError):
        update_api_key(actor=access.actor, tenant=tenant, access=access, key_id=narrow.key.id, **{field: WIDER[field]})
    assert APIKey.objects.values().get() == before


def test_key_neither_changes_nor_rotates_a_wider_key_but_renames_and_revokes_it(
    narrow: IssuedKey, make_key: Make, tenant: Tenant
) -> None:
    """A rotation would hand it the secret of more than it has."""
    wide, access = make_key("*"), access_of(narrow)
    common = {"actor": access.actor, "tenant": tenant, "key_id": wide.key.id}
    with pytest.raises(NotAllowedError):
        rotate_api_key(access=access, **common)
    with pytest.raises(NotAllowedError):
        update_api_key(access=access, rate_limit=10, **common)
    assert APIKey.objects.count() == 2
    update_api_key(access=access, name="Renamed", **common)
    revoke_api_key(**common)
    stored = APIKey.objects.get(id=wide.key.id)
    assert (stored.name, stored.rate_limit, stored.revoked_at is not None) == ("Renamed", 1000, True)


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_key_that_ended_while_it_asked_is_refused(narrow: IssuedKey, tenant: Tenant, ended: str) -> None:
    access = access_of(narrow)
    given = within(narrow)
    APIKey.objects.filter(id=narrow.key.id).update(**{ended: timezone.now()})
    with pytest.raises(NotAllowedError, match="revoked or has expired"):
        create_api_key(actor=access.actor, tenant=tenant, access=access, name="x", **given)
    assert APIKey.objects.count() == 1


def test_member_gives_scopes_that_they_have_and_no_others(tenant: Tenant, admin_actor: Actor) -> None:
    access = TenantAccess(tenant, frozenset({"keys:*", "events:write"}), admin_actor)
    create_api_key(actor=admin_actor, tenant=tenant, access=access, name="x", scopes=["events:write"])
    with pytest.raises(NotAllowedError):
        create_api_key(actor=admin_actor, tenant=tenant, access=access, name="x", scopes=["*"])
    assert APIKey.objects.count() == 1


# --- Changing and revoking ---------------------------------------------------------------------------------------------


def test_update_changes_what_is_given_and_names_it(make_key: Make, tenant: Tenant, admin_actor: Actor) -> None:
    key = make_key().key
    changed = update_api_key(
        actor=admin_actor, tenant=tenant, access=None, key_id=key.id, name="Shop backend", rate_limit=7, scopes=["*"]
    )
    assert (changed.name, changed.rate_limit) == ("Shop backend", 7)
    assert verbs()[1:] == [("api_key.updated", "ada", ["rate_limit"])]
    update_api_key(actor=admin_actor, tenant=tenant, access=None, key_id=key.id, rate_limit=7)
    assert len(verbs()) == 2


def test_expired_key_may_be_given_more_time(make_key: Make, tenant: Tenant, admin_actor: Actor) -> None:
    issued = make_key()
    APIKey.objects.update(expires_at=timezone.now())
    assert not is_accepted(issued)
    update_api_key(actor=admin_actor, tenant=tenant, access=None, key_id=issued.key.id, expires_at=None)
    assert is_accepted(issued)


def test_revocation_holds_at_once_and_doing_it_again_changes_nothing(
    make_key: Make, tenant: Tenant, admin_actor: Actor
) -> None:
    issued = make_key()
    first = revoke_api_key(actor=admin_actor, tenant=tenant, key_id=issued.key.id)
    assert not is_accepted(issued)
    again = revoke_api_key(actor=admin_actor, tenant=tenant, key_id=issued.key.id)
    assert again.revoked_at == first.revoked_at is not None
    assert [verb for verb, _, _ in verbs()] == ["api_key.created", "api_key.revoked"]


def test_revoked_key_cannot_be_changed(make_key: Make, tenant: Tenant, admin_actor: Actor) -> None:
    key_id = make_key().key.id
    revoke_api_key(actor=admin_actor, tenant=tenant, key_id=key_id)
    before = APIKey.objects.values().get()
    with pytest.raises(ConflictError):
        update_api_key(actor=admin_actor, tenant=tenant, access=None, key_id=key_id, name="x")
    assert APIKey.objects.values().get() == before


def test_key_of_another_tenant_is_not_there(
    make_key: Make, tenant: Tenant, other_tenant: Tenant, admin_actor: Actor
) -> None:
    key_id = make_key().key.id
    before = APIKey.objects.values().get()
    asked = {"actor": admin_actor, "tenant": other_tenant, "key_id": key_id}
    calls: list[Callable[[], object]] = [
        lambda: update_api_key(access=None, name="x", **asked),
        lambda: revoke_api_key(**asked),
        lambda: rotate_api_key(access=None, **asked),
        lambda: revoke_api_key(actor=admin_actor, tenant=tenant, key_id=uuid7()),
    ]
    for call in calls:
        with pytest.raises(NotFoundError):
            call()
    assert APIKey.objects.values().get() == before
