from __future__ import annotations

import hmac
import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from integrations.activity.actor import Actor
from integrations.api_keys import checking
from integrations.api_keys.checking import ForbiddenKeyError, InvalidKeyError, PepperNotAtHandError, check_key
from integrations.api_keys.hashing import Peppers, peppers
from integrations.api_keys.key_text import KeyText, base62
from integrations.api_keys.models import APIKey
from integrations.models import Tenant
from integrations.services.api_keys import IssuedKey
from integrations.services.tenants import delete_tenant, update_tenant

NOT_VALID = "The API key is not valid: compare it with the one that was shown when it was made."
OLD, NEW = "0f" * 32, "1e" * 32
Make = Callable[..., IssuedKey]


def refusal(text: str, address: str | None = "192.0.2.1") -> tuple[str, str, object]:
    with pytest.raises((InvalidKeyError, ForbiddenKeyError)) as refused:
        check_key(text, address=address)
    return type(refused.value).__name__, refused.value.detail, refused.value.key_id


def wrong_secret(issued: IssuedKey) -> str:
    """Return a well-formed key with a known id and another secret."""
    body = issued.key.key_prefix + KeyText.make().text[len(issued.key.key_prefix) : -6]
    return body + base62(zlib.crc32(body.encode()), 6)


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Count the work of one check: queries, HMACs, comparisons."""
    work = {"hmacs": 0, "comparisons": 0, "queries": 0}
    digest, compare = Peppers.digest, hmac.compare_digest

    def count_digest(self: Peppers, text: str, fingerprint: str | None = None) -> str:
        work["hmacs"] += 1
        return digest(self, text, fingerprint)

    def count_compare(one: str, other: str) -> bool:
        work["comparisons"] += 1
        assert len(one) == len(other) == 64
        return compare(one, other)

    with monkeypatch.context() as patched, CaptureQueriesContext(connection) as queries:
        patched.setattr(Peppers, "digest", count_digest)
        patched.setattr(checking.hmac, "compare_digest", count_compare)
        yield work
    work["queries"] = len(queries)


def test_right_key_is_found_with_one_query_and_its_tenant(make_key: Make, tenant: Tenant) -> None:
    issued = make_key("webhooks:read", rate_limit=7)
    with CaptureQueriesContext(connection) as queries:
        found = check_key(issued.text, address=None)
    assert len(queries) == 1
    assert (found.id, found.name, found.scopes, found.rate_limit) == (
        issued.key.id,
        "Shop backend",
        ["webhooks:read"],
        7,
    )
    assert (found.tenant, found.tenant.name, found.tenant.is_active) == (tenant, "Acme", True)


def test_query_uses_the_index_of_the_prefix(make_key: Make) -> None:
    make_key()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {checking._query()}", ["sb_live_x"])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "key_prefix" in plan
    assert "Seq Scan" not in plan


def test_wrong_secret_and_unknown_id_cost_the_same_and_read_the_same(
    make_key: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = make_key()
    for text in (wrong_secret(issued), KeyText.make().text):
        with counted(monkeypatch) as work:
            assert refusal(text) == ("InvalidKeyError", NOT_VALID, None)
        assert work == {"queries": 1, "hmacs": 1, "comparisons": 1}


def test_right_secret_costs_what_a_wrong_one_costs(make_key: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = make_key()
    with counted(monkeypatch) as work:
        check_key(issued.text, address=None)
    assert work == {"queries": 1, "hmacs": 1, "comparisons": 1}


def test_typing_mistake_costs_neither_query_nor_hmac(make_key: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    text = make_key().text
    for mistake in (
        text[:-1],
        text + "x",
        text[:30] + ("0" if text[30] != "0" else "1") + text[31:],
        "sb_",
        "sb_test_x",
    ):
        with counted(monkeypatch) as work:
            assert refusal(mistake) == ("InvalidKeyError", NOT_VALID, None)
        assert work == {"queries": 0, "hmacs": 0, "comparisons": 0}


def test_no_password_is_hashed(make_key: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    issued = make_key()

    def fail(*_: object, **__: object) -> None:
        raise AssertionError("A password was hashed.")

    monkeypatch.setattr("django.contrib.auth.hashers.make_password", fail)
    monkeypatch.setattr("django.contrib.auth.hashers.check_password", fail)
    check_key(issued.text, address=None)


def test_ended_keys_say_so_only_when_the_secret_was_right(make_key: Make) -> None:
    revoked, expired = make_key(), make_key()
    ended_at = timezone.now() - timedelta(seconds=1)
    APIKey.objects.filter(id=revoked.key.id).update(revoked_at=ended_at)
    APIKey.objects.filter(id=expired.key.id).update(expires_at=ended_at)
    assert refusal(revoked.text) == ("InvalidKeyError", "This API key was revoked.", revoked.key.id)
    said = f"This API key expired at {ended_at:%Y-%m-%d %H:%M:%S} UTC."
    assert refusal(expired.text) == ("InvalidKeyError", said, expired.key.id)
    assert refusal(wrong_secret(revoked)) == refusal(wrong_secret(expired)) == ("InvalidKeyError", NOT_VALID, None)


def test_key_of_an_inactive_tenant_is_forbidden(make_key: Make, tenant: Tenant, admin_actor: Actor) -> None:
    issued = make_key()
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)
    assert refusal(issued.text) == ("ForbiddenKeyError", "The tenant is inactive.", issued.key.id)


def test_key_of_a_deleted_tenant_is_unknown(make_key: Make, tenant: Tenant, admin_actor: Actor) -> None:
    issued = make_key()
    delete_tenant(actor=admin_actor, tenant=tenant)
    assert refusal(issued.text) == ("InvalidKeyError", NOT_VALID, None)


@pytest.mark.parametrize("address", ["10.1.2.3", "2001:db8::1"])
def test_key_works_from_its_networks(make_key: Make, address: str) -> None:
    issued = make_key(allowed_networks=["10.0.0.0/8", "2001:db8::/32"])
    assert check_key(issued.text, address=address).id == issued.key.id


@pytest.mark.parametrize(
    ("address", "shown"), [("192.0.2.1", "192.0.2.1"), ("2001:db9::1", "2001:db9::1"), (None, "an unknown address")]
)
def test_key_is_forbidden_elsewhere(make_key: Make, address: str | None, shown: str) -> None:
    issued = make_key(allowed_networks=["10.0.0.0/8", "2001:db8::/32"])
    assert refusal(issued.text, address) == (
        "ForbiddenKeyError",
        f"This API key may not be used from {shown}.",
        issued.key.id,
    )


# --- Rotation of the pepper ------------------------------------------------------------------------------------------


def stored(issued: IssuedKey) -> tuple[str, str]:
    return APIKey.objects.values_list("key_hash", "pepper_fingerprint").get(id=issued.key.id)


@pytest.fixture
def of_old_pepper(make_key: Make, settings: Settings) -> IssuedKey:
    settings.API_KEY_PEPPER, settings.API_KEY_PEPPER_PREVIOUS = OLD, []
    issued = make_key()
    settings.API_KEY_PEPPER, settings.API_KEY_PEPPER_PREVIOUS = NEW, [OLD]
    return issued


def test_key_under_a_previous_pepper_is_hashed_anew_when_it_is_used(
    of_old_pepper: IssuedKey, settings: Settings
) -> None:
    check_key(of_old_pepper.text, address=None)
    known = peppers()
    assert stored(of_old_pepper) == (known.digest(of_old_pepper.text), known.current_fingerprint)
    settings.API_KEY_PEPPER_PREVIOUS = []
    assert check_key(of_old_pepper.text, address=None).id == of_old_pepper.key.id


def test_wrong_secret_under_a_previous_pepper_changes_nothing(
    of_old_pepper: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stored(of_old_pepper)
    with counted(monkeypatch) as work:
        assert refusal(wrong_secret(of_old_pepper)) == ("InvalidKeyError", NOT_VALID, None)
    assert work == {"queries": 1, "hmacs": 1, "comparisons": 1}
    assert stored(of_old_pepper) == before


def test_key_that_may_not_be_used_is_not_hashed_anew(of_old_pepper: IssuedKey) -> None:
    APIKey.objects.filter(id=of_old_pepper.key.id).update(revoked_at=timezone.now())
    before = stored(of_old_pepper)
    refusal(of_old_pepper.text)
    assert stored(of_old_pepper) == before


def test_hashing_anew_does_not_overwrite_what_another_process_wrote(
    of_old_pepper: IssuedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between this process's look and its write, one with a newer pepper has written its hash."""
    find = checking._find

    def find_then_lose_the_race(prefix: str) -> object:
        found = find(prefix)
        APIKey.objects.update(key_hash="f" * 64, pepper_fingerprint="f" * 16)
        return found

    monkeypatch.setattr(checking, "_find", find_then_lose_the_race)
    check_key(of_old_pepper.text, address=None)
    assert stored(of_old_pepper) == ("f" * 64, "f" * 16)


def test_key_of_an_unknown_pepper_cannot_be_checked_and_is_logged(
    of_old_pepper: IssuedKey, settings: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_KEY_PEPPER_PREVIOUS = []
    with caplog.at_level(logging.ERROR), counted(monkeypatch) as work, pytest.raises(PepperNotAtHandError):
        check_key(of_old_pepper.text, address=None)
    assert (work["queries"], work["hmacs"]) == (1, 1)
    assert any("api_key_pepper_not_at_hand" in message for message in caplog.messages)
    assert of_old_pepper.key.key_prefix in caplog.text
