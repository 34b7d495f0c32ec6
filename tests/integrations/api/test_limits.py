"""Requests per hour at `/api/v1`: per key and per tenant, and what answers say of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import override_settings
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from integrations.authentication.tokens import issue_tokens
from integrations.models import Membership, Role, Tenant, User
from webhooks.models import Event, Webhook

WEBHOOKS = "/api/v1/webhooks"
EVENT = {"type": "order.paid", "payload": {"order": 7}}


@pytest.fixture(autouse=True)
def tenant_limit() -> Any:
    with override_settings(TENANT_REQUESTS_PER_HOUR=0):
        yield


def test_says_where_the_limits_stand_on_every_answer(tenant_api: Callable[..., APIClient]) -> None:
    with override_settings(TENANT_REQUESTS_PER_HOUR=500):
        client = tenant_api(rate_limit=20)
        answers = [client.get(WEBHOOKS), client.get(f"{WEBHOOKS}/none"), client.post(WEBHOOKS, {"url": 1})]

    assert [answer.status_code for answer in answers] == [200, 404, 422]
    for number, answer in enumerate(answers, start=1):
        assert answer["RateLimit-Policy"] == '"key";q=20;w=3600, "tenant";q=500;w=3600'
        stands = re.fullmatch(r'"key";r=(\d+);t=(\d+), "tenant";r=(\d+);t=(\d+)', answer["RateLimit"])
        assert stands is not None
        key, key_seconds, tenants, tenant_seconds = map(int, stands.groups())
        assert (key, tenants) == (20 - number, 500 - number)
        assert 1 <= key_seconds == tenant_seconds <= 3600


def test_refuses_and_does_nothing_when_the_keys_limit_is_used_up(
    tenant: Tenant, tenant_api: Callable[..., APIClient]
) -> None:
    client = tenant_api(rate_limit=2)
    answers = [client.post("/api/v1/events", EVENT) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    refused = answers[2]
    assert refused["Content-Type"] == "application/problem+json"
    wait = int(refused["Retry-After"])
    assert 1 <= wait <= 7200
    assert refused.json()["detail"] == f"This API key's 2 requests of an hour are used up: wait {wait} seconds."
    assert refused["RateLimit"] == f'"key";r=0;t={wait}'
    assert Event.objects.filter(tenant_id=tenant.id).count() == 2


def test_counts_what_is_refused_for_lack_of_a_scope(tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api("events:write", rate_limit=2)

    assert [client.get(WEBHOOKS).status_code for _ in range(3)] == [403, 403, 429]


def test_counts_each_key_for_itself(tenant_api: Callable[..., APIClient]) -> None:
    first, second = tenant_api(rate_limit=1), tenant_api(rate_limit=1)

    assert [client.get(WEBHOOKS).status_code for client in (first, first, second)] == [200, 429, 200]


def test_counts_keys_and_members_together_for_the_tenant(
    tenant: Tenant, other_tenant: Tenant, tenant_api: Callable[..., APIClient]
) -> None:
    user = User.objects.create_user("mia", password="x")
    Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
    member = APIClient()
    member.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    elsewhere = tenant_api(of=other_tenant)

    with override_settings(TENANT_REQUESTS_PER_HOUR=2):
        answers = [client.get(WEBHOOKS) for client in (tenant_api(), member, tenant_api(), member, elsewhere)]

    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 200]
    assert answers[3].json()["detail"].startswith("The tenant's 2 requests of an hour are used up")
    assert answers[3]["RateLimit-Policy"] == '"tenant";q=2;w=3600'


def test_counts_a_batch_of_events_as_one_request(tenant: Tenant, tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api(rate_limit=1)

    assert client.post("/api/v1/events/batch", {"events": [EVENT] * 50}).status_code == 202
    assert client.post("/api/v1/events/batch", {"events": [EVENT] * 50}).status_code == 429
    assert Event.objects.filter(tenant_id=tenant.id).count() == 50


def test_limits_no_platform_admin(tenant: Tenant, api: APIClient) -> None:
    with override_settings(TENANT_REQUESTS_PER_HOUR=1):
        answers = [api.get(f"/api/platform/tenants/{tenant.slug}/webhooks") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert "RateLimit" not in answers[0].headers


def test_lets_pass_and_names_the_policy_when_redis_is_away(tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api(rate_limit=1)
    with override_settings(REDIS_PY_URL="unix:///nowhere/redis.sock"), capture_logs() as lines:
        answers = [client.get(WEBHOOKS) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert answers[2]["RateLimit-Policy"] == '"key";q=1;w=3600'
    assert "RateLimit" not in answers[2].headers
    assert [line["event"] for line in lines if line["event"] != "request"] == ["request_limits_suspended"]


def test_uses_up_nothing_when_the_key_is_wrong(anonymous_api: APIClient, db: None) -> None:
    anonymous_api.credentials(HTTP_AUTHORIZATION="Bearer sb_live_nonsense")
    answer = anonymous_api.get(WEBHOOKS)

    assert answer.status_code == 401
    assert "RateLimit-Policy" not in answer.headers
    assert Webhook.objects.count() == 0
