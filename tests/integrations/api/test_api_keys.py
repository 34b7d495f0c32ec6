from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.api_keys.models import APIKey, APIKeyUsage
from integrations.ids import uuid7
from integrations.models import ActivityLog, Tenant
from integrations.services.api_keys import IssuedKey

Make = Callable[..., IssuedKey]
KEYS = "/api/v1/api-keys"
FIELDS = {
    *("id", "name", "key_prefix", "scopes", "rate_limit", "allowed_networks", "expires_at", "revoked_at"),
    *("last_used_at", "last_used_address", "created_at", "created_by"),
}


@pytest.fixture
def manager(make_key: Make) -> IssuedKey:
    return make_key("keys:manage", "webhooks:*", name="Manager")


@pytest.fixture
def v1(manager: IssuedKey, api_with: Callable[..., APIClient]) -> APIClient:
    return api_with(manager)


def test_creation_answers_the_key_once(v1: APIClient) -> None:
    answer = v1.post(KEYS, {"name": "Shop", "scopes": ["webhooks:read"]})
    body = answer.json()
    assert answer.status_code == 201
    assert set(body) == FIELDS | {"secret"}
    assert answer["Cache-Control"] == "no-store"
    assert body["secret"].startswith(f"{body['key_prefix']}_")
    assert (body["name"], body["scopes"], body["created_by"]) == ("Shop", ["webhooks:read"], "Manager")
    assert (body["rate_limit"], body["allowed_networks"], body["expires_at"]) == (1000, [], None)
    for shown in (v1.get(f"{KEYS}/{body['id']}"), v1.get(KEYS)):
        assert body["secret"] not in shown.content.decode()
        assert "key_hash" not in shown.content.decode()
    assert set(v1.get(f"{KEYS}/{body['id']}").json()) == FIELDS


def test_both_audiences_see_the_same_keys(v1: APIClient, api: APIClient, tenant: Tenant, manager: IssuedKey) -> None:
    made = api.post(f"/api/platform/tenants/{tenant.slug}/api-keys", {"name": "By ada", "scopes": ["*"]}).json()
    assert made["created_by"] == "ada"
    names = [key["name"] for key in v1.get(KEYS).json()["results"]]
    assert names == ["By ada", "Manager"]
    assert [key["name"] for key in api.get(f"/api/platform/tenants/{tenant.id}/api-keys").json()["results"]] == names


def test_list_can_be_narrowed_to_live_keys_and_sorted(v1: APIClient, make_key: Make) -> None:
    revoked, expired = make_key(name="A revoked"), make_key(name="An expired")
    APIKey.objects.filter(id=revoked.key.id).update(revoked_at=timezone.now())
    APIKey.objects.filter(id=expired.key.id).update(expires_at=timezone.now())
    assert [key["name"] for key in v1.get(KEYS, {"live": "true"}).json()["results"]] == ["Manager"]
    ended = v1.get(KEYS, {"live": "false", "ordering": "name"}).json()["results"]
    assert [key["name"] for key in ended] == ["A revoked", "An expired"]
    assert v1.get(KEYS, {"live": "perhaps"}).status_code == 422


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": 3}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": "*"}, "scopes"),
        ({"scopes": ["webhooks:raed"]}, "scopes"),
        ({"allowed_networks": ["example.com"]}, "allowed_networks"),
        ({"allowed_networks": [f"10.{number}.0.0/16" for number in range(21)]}, "allowed_networks"),
        ({"rate_limit": 0}, "rate_limit"),
        ({"rate_limit": "10"}, "rate_limit"),
        ({"rate_limit": True}, "rate_limit"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-14:00"}, "expires_at"),
        ({"tenant": "other"}, "tenant"),
        ({"key_prefix": "sb_live_x"}, "key_prefix"),
        ({"revoked_at": None}, "revoked_at"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_wrong_field_is_named_and_nothing_is_written(v1: APIClient, given: dict[str, object], field: str) -> None:
    answer = v1.post(KEYS, {"name": "Shop", "scopes": ["webhooks:read"], **given})
    assert answer.status_code == 422
    assert [name.partition("[")[0] for name in answer.json()["errors"]] == [field]
    assert APIKey.objects.count() == 1


def test_unknown_scope_is_answered_with_the_known_ones(v1: APIClient) -> None:
    [reason] = v1.post(KEYS, {"name": "x", "scopes": ["webhooks:raed"]}).json()["errors"]["scopes"]
    assert "webhooks:raed" in reason
    assert "webhooks:read" in reason


def test_more_than_the_own_scopes_is_forbidden(v1: APIClient) -> None:
    answer = v1.post(KEYS, {"name": "x", "scopes": ["*"]})
    assert (answer.status_code, answer.json()["detail"]) == (403, "You cannot give scopes that you do not have: *.")
    assert APIKey.objects.count() == 1


def test_key_without_the_scope_manages_no_keys(make_key: Make, api_with: Callable[..., APIClient]) -> None:
    client = api_with(make_key("webhooks:*"))
    own = APIKey.objects.get().id
    assert client.get(KEYS).status_code == 403
    assert client.post(KEYS, {"name": "x", "scopes": ["webhooks:*"]}).status_code == 403
    for answer in (client.get(f"{KEYS}/{own}"), client.delete(f"{KEYS}/{own}"), client.post(f"{KEYS}/{own}/rotate")):
        assert answer.status_code == 403
    assert APIKey.objects.filter(revoked_at=None).count() == 1


def test_change_keeps_what_is_left_out(v1: APIClient, make_key: Make) -> None:
    key = make_key("webhooks:read", rate_limit=5).key
    answer = v1.patch(f"{KEYS}/{key.id}", {"allowed_networks": ["10.0.0.0/8"]})
    assert answer.status_code == 200
    assert (answer.json()["allowed_networks"], answer.json()["rate_limit"]) == (["10.0.0.0/8"], 5)
    assert v1.patch(f"{KEYS}/{key.id}", {"scopes": []}).status_code == 422


def test_revoked_key_is_refused_with_its_next_request(v1: APIClient, make_key: Make, api_with: Callable) -> None:
    other = make_key("webhooks:read")
    client = api_with(other)
    assert client.get("/api/v1/webhooks").status_code == 200
    assert [v1.delete(f"{KEYS}/{other.key.id}").status_code for _ in range(2)] == [204, 204]
    assert client.get("/api/v1/webhooks").status_code == 401


def test_key_may_revoke_itself(v1: APIClient, manager: IssuedKey) -> None:
    assert v1.delete(f"{KEYS}/{manager.key.id}").status_code == 204
    assert v1.get(KEYS).status_code == 401


def test_key_rotates_itself(v1: APIClient, manager: IssuedKey, api_with: Callable[..., APIClient]) -> None:
    answer = v1.post(f"{KEYS}/{manager.key.id}/rotate", {"overlap_hours": 0})
    assert answer.status_code == 201
    assert answer["Cache-Control"] == "no-store"
    assert v1.get(KEYS).status_code == 401
    assert api_with(answer.json()["secret"]).get(KEYS).status_code == 200


@pytest.mark.parametrize("overlap", [-1, 169, "24", 1.5, None, True], ids=str)
def test_wrong_overlap_is_refused(v1: APIClient, manager: IssuedKey, overlap: object) -> None:
    answer = v1.post(f"{KEYS}/{manager.key.id}/rotate", {"overlap_hours": overlap})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["overlap_hours"])
    assert APIKey.objects.count() == 1


def test_usage_is_answered_by_hour_with_totals(v1: APIClient, manager: IssuedKey) -> None:
    key = manager.key
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for ago, requests in ((0, 5), (1, 3)):
        APIKeyUsage.objects.create(
            tenant_id=key.tenant_id, api_key_id=key.id, hour=hour - timedelta(hours=ago), requests=requests, errors=1
        )
    body = v1.get(f"{KEYS}/{key.id}/usage").json()
    assert (body["requests"], body["errors"]) == (8, 2)
    assert [(each["requests"], each["errors"]) for each in body["hours"]] == [(3, 1), (5, 1)]
    start = (hour - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    end = hour.isoformat().replace("+00:00", "Z")
    body = v1.get(f"{KEYS}/{key.id}/usage", {"from": start, "to": end}).json()
    assert body == {
        "from": start,
        "to": end,
        "requests": 3,
        "errors": 1,
        "hours": [{"hour": start, "requests": 3, "errors": 1}],
    }


@pytest.mark.parametrize(
    "period",
    [
        {"from": "yesterday"},
        {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"to": "9999-12-31T23:30:00Z"},
        {"from": "0001-01-01T00:00:00Z"},
    ],
    ids=["word", "reversed", "late", "early"],
)
def test_wrong_period_is_refused(v1: APIClient, manager: IssuedKey, period: dict[str, str]) -> None:
    assert v1.get(f"{KEYS}/{manager.key.id}/usage", period).status_code == 422


def test_keys_of_another_tenant_are_not_there(
    v1: APIClient, make_key: Make, other_tenant: Tenant, api: APIClient, tenant: Tenant
) -> None:
    foreign = make_key(of=other_tenant).key
    before = APIKey.objects.values().get(id=foreign.id)
    for number in (foreign.id, uuid7()):
        for root in (f"{KEYS}/{number}", f"/api/platform/tenants/{tenant.slug}/api-keys/{number}"):
            client = v1 if root.startswith(KEYS) else api
            answers = [
                client.get(root),
                client.patch(root, {"name": "x"}),
                client.delete(root),
                client.post(f"{root}/rotate", {}),
                client.get(f"{root}/usage"),
            ]
            assert [answer.status_code for answer in answers] == [404] * 5
    assert APIKey.objects.values().get(id=foreign.id) == before


def test_deeds_of_a_key_are_on_the_record_under_its_name(v1: APIClient, manager: IssuedKey) -> None:
    v1.post(KEYS, {"name": "Shop", "scopes": ["webhooks:read"]})
    entry = ActivityLog.objects.filter(verb="api_key.created").order_by("-id").first()
    assert (entry.actor_kind, entry.actor_id, entry.actor_name) == ("api_key", manager.key.id, "Manager")
    assert (entry.actor_address, entry.object_kind, entry.object_name) == ("127.0.0.1", "api_key", "Shop")
    assert entry.request_id
