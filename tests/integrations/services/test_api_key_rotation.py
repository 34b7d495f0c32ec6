from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.api_keys.checking import InvalidKeyError, check_key
from integrations.api_keys.models import APIKey
from integrations.errors import ConflictError, InvalidInputError
from integrations.models import ActivityLog, Tenant
from integrations.services import api_keys
from integrations.services.api_keys import IssuedKey, create_api_key, revoke_api_key, rotate_api_key, update_api_key
from integrations.services.tenants import create_tenant

Make = Callable[..., IssuedKey]
HOUR = timedelta(hours=1)


def verbs() -> list[tuple[str, str, list[str]]]:
    entries = ActivityLog.objects.filter(object_kind="api_key").order_by("id")
    return list(entries.values_list("verb", "actor_name", "changed_fields"))


def is_accepted(issued: IssuedKey) -> bool:
    try:
        check_key(issued.text, address=None)
    except InvalidKeyError:
        return False
    return True


@pytest.fixture
def rotate(tenant: Tenant, admin_actor: Actor) -> Make:
    def rotated(issued: IssuedKey, **given: timedelta) -> IssuedKey:
        return rotate_api_key(actor=admin_actor, tenant=tenant, access=None, key_id=issued.key.id, **given)

    return rotated


def test_rotation_gives_a_key_with_the_same_settings_beside_the_old_one(make_key: Make, rotate: Make) -> None:
    end = timezone.now() + timedelta(days=90)
    old = make_key("webhooks:read", allowed_networks=["0.0.0.0/0"], rate_limit=7, expires_at=end)
    APIKey.objects.update(allowed_networks=[])
    new = rotate(old)
    assert is_accepted(old)
    assert is_accepted(new)
    assert old.text != new.text
    key = new.key
    assert (key.name, key.scopes, key.rate_limit, key.expires_at) == ("Shop backend", ["webhooks:read"], 7, end)
    stored = APIKey.objects.get(id=old.key.id)
    assert stored.expires_at is not None
    assert timedelta(hours=23) < stored.expires_at - timezone.now() <= timedelta(hours=24)
    assert verbs()[1:] == [("api_key.rotated", "ada", ["expires_at"]), ("api_key.created", "ada", [])]


def test_rotation_without_overlap_ends_the_old_key_at_once(make_key: Make, rotate: Make) -> None:
    old = make_key()
    new = rotate(old, overlap=timedelta(0))
    assert (is_accepted(old), is_accepted(new)) == (False, True)


def test_rotation_never_gives_the_old_key_more_time(make_key: Make, rotate: Make) -> None:
    end = timezone.now() + HOUR
    old = make_key(expires_at=end)
    rotate(old, overlap=7 * 24 * HOUR)
    assert APIKey.objects.get(id=old.key.id).expires_at == end


def test_rotating_again_ends_the_oldest_at_once(make_key: Make, rotate: Make) -> None:
    oldest = make_key()
    older = rotate(oldest)
    newest = rotate(older)
    assert [is_accepted(issued) for issued in (oldest, older, newest)] == [False, True, True]
    assert APIKey.objects.get(id=oldest.key.id).revoked_at is not None
    assert ("api_key.revoked", "ada", []) in verbs()


def test_key_whose_successor_lives_is_not_rotated_again_until_that_is_revoked(
    make_key: Make, rotate: Make, tenant: Tenant, admin_actor: Actor
) -> None:
    old = make_key()
    lost = rotate(old)
    with pytest.raises(ConflictError, match=lost.key.key_prefix):
        rotate(old)
    assert APIKey.objects.count() == 2
    revoke_api_key(actor=admin_actor, tenant=tenant, key_id=lost.key.id)
    assert is_accepted(rotate(old))


def test_rotated_key_is_not_given_more_time(make_key: Make, rotate: Make, tenant: Tenant, admin_actor: Actor) -> None:
    old = make_key()
    rotate(old)
    before = APIKey.objects.get(id=old.key.id).expires_at
    with pytest.raises(ConflictError):
        update_api_key(actor=admin_actor, tenant=tenant, access=None, key_id=old.key.id, expires_at=None)
    assert APIKey.objects.get(id=old.key.id).expires_at == before


@pytest.mark.parametrize("ended", ["revoked_at", "expires_at"])
def test_ended_key_is_not_rotated(make_key: Make, rotate: Make, ended: str) -> None:
    old = make_key()
    APIKey.objects.update(**{ended: timezone.now()})
    with pytest.raises(ConflictError):
        rotate(old)
    assert APIKey.objects.count() == 1


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7, seconds=1)], ids=["negative", "long"])
def test_overlap_is_7_days_at_most(make_key: Make, rotate: Make, overlap: timedelta) -> None:
    old = make_key()
    with pytest.raises(InvalidInputError):
        rotate(old, overlap=overlap)
    assert APIKey.objects.count() == 1


def test_rotation_is_possible_at_the_limit_of_live_keys(
    make_key: Make, rotate: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "MAX_LIVE_KEYS", 1)
    assert is_accepted(rotate(make_key()))


@pytest.mark.django_db(transaction=True)
def test_of_two_rotations_at_once_one_is_refused() -> None:
    actor = Actor.system("test")
    tenant = create_tenant(actor=actor, name="Acme", slug="acme")
    old = create_api_key(actor=actor, tenant=tenant, access=None, name="x", scopes=["*"])
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def run() -> None:
        start.wait()
        try:
            rotate_api_key(actor=actor, tenant=tenant, access=None, key_id=old.key.id)
            outcomes.append("rotated")
        except ConflictError:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["refused", "rotated"]
    assert APIKey.objects.count() == 2
