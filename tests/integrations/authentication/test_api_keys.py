"""A key at the door of `/api/v1`: who is let in, what those who are not are told, and what is counted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from config.environment import Network
from integrations.activity.actor import Actor
from integrations.api_keys.models import APIKey, APIKeyUsage
from integrations.api_keys.usage import UsageCounter, counter
from integrations.isolation.scope import tenant_scope
from integrations.models import ActivityLog, Tenant
from integrations.services.api_keys import IssuedKey
from integrations.services.tenants import update_tenant
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

Make = Callable[..., IssuedKey]
Client = Callable[..., APIClient]
WEBHOOKS = "/api/v1/webhooks"
NOT_VALID = "The API key is not valid: compare it with the one that was shown when it was made."


@pytest.fixture(autouse=True)
def _nothing_counted_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counter belongs to the process; what other tests counted is not of this one."""
    monkeypatch.setattr(counter, "_unwritten", UsageCounter()._unwritten)


def used(issued: IssuedKey) -> list[tuple[int, int]]:
    counter.flush()
    return list(APIKeyUsage.objects.filter(api_key_id=issued.key.id).values_list("requests", "errors"))


def test_key_opens_its_tenant_and_no_other(
    make_key: Make, api_with: Client, other_tenant: Tenant, admin_actor: Actor
) -> None:
    create_webhook(actor=admin_actor, tenant=other_tenant, workflow_name="theirs", url="https://hooks.example.com/x")
    client = api_with(make_key("webhooks:*"))
    assert client.post(WEBHOOKS, {"workflow_name": "ours", "url": "https://hooks.example.com/x"}).status_code == 201
    assert [hook["workflow_name"] for hook in client.get(WEBHOOKS).json()["results"]] == ["ours"]
    headers = {"X-Signalbox-Tenant": other_tenant.slug}
    assert [hook["workflow_name"] for hook in client.get(WEBHOOKS, headers=headers).json()["results"]] == ["ours"]


def test_wildcards_open_their_area_and_nothing_is_open_by_default(make_key: Make, api_with: Client) -> None:
    body = {"workflow_name": "x", "url": "https://hooks.example.com/x"}
    for scopes, expected in (
        (["*"], 201),
        (["webhooks:read"], 403),
        (["events:write", "integrations:*"], 403),
    ):
        assert api_with(make_key(*scopes)).post(WEBHOOKS, body).status_code == expected
    assert Webhook.objects.count() == 1


@pytest.mark.parametrize(
    "credential",
    [
        "Bearer sb_",
        "Bearer sb_live_",
        "Bearer sb_live_x y",
        "bearer sb_test_0123456789ABCDEF_0",
        "Bearer sb_live_\u00e9",
        "Bearer sb_live_" + "0" * 5000,
    ],
    ids=["start", "empty", "two-words", "other-kind", "no-ascii", "long"],
)
def test_what_is_no_key_is_401_in_one_sentence(anonymous_api: APIClient, credential: str, db: None) -> None:
    answer = anonymous_api.get(WEBHOOKS, HTTP_AUTHORIZATION=credential)
    assert (answer.status_code, answer.json()["detail"]) == (401, NOT_VALID)
    assert answer["WWW-Authenticate"] == 'Bearer realm="signalbox"'
    assert answer["Content-Type"] == "application/problem+json"


def test_ended_key_is_401_and_its_requests_are_errors(make_key: Make, api_with: Client) -> None:
    revoked, expired = make_key(), make_key()
    APIKey.objects.filter(id=revoked.key.id).update(revoked_at=timezone.now())
    APIKey.objects.filter(id=expired.key.id).update(expires_at=timezone.now() - timedelta(days=1))
    said = [api_with(issued).get(WEBHOOKS) for issued in (revoked, expired)]
    assert [answer.status_code for answer in said] == [401, 401]
    assert said[0].json()["detail"] == "This API key was revoked."
    assert said[1].json()["detail"].startswith("This API key expired at ")
    assert used(revoked) == used(expired) == [(1, 1)]
    assert APIKey.objects.get(id=revoked.key.id).last_used_at is None


def test_key_of_an_inactive_tenant_is_403(make_key: Make, api_with: Client, tenant: Tenant, admin_actor: Actor) -> None:
    issued = make_key()
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)
    answer = api_with(issued).get(WEBHOOKS)
    assert (answer.status_code, answer.json()["detail"]) == (403, "The tenant is inactive.")


def test_key_is_403_from_elsewhere_and_says_from_where(make_key: Make, api_with: Client) -> None:
    issued = make_key(allowed_networks=["203.0.113.0/24"])
    assert api_with(issued, "203.0.113.7").get(WEBHOOKS).status_code == 200
    answer = api_with(issued, "192.0.2.1").get(WEBHOOKS)
    assert (answer.status_code, answer.json()["detail"]) == (403, "This API key may not be used from 192.0.2.1.")


def test_forwarded_address_counts_only_behind_a_trusted_proxy(
    make_key: Make, api_with: Client, settings: Settings
) -> None:
    client = api_with(make_key(allowed_networks=["203.0.113.0/24"]), "10.0.0.1")
    headers = {"X-Forwarded-For": "203.0.113.7"}
    assert client.get(WEBHOOKS, headers=headers).status_code == 403
    trusted: list[Network] = [ip_network("10.0.0.0/8")]
    settings.TRUSTED_PROXIES = trusted
    assert client.get(WEBHOOKS, headers=headers).status_code == 200
    assert client.get(WEBHOOKS, headers={"X-Forwarded-For": "203.0.113.7, 192.0.2.1"}).status_code == 403


def test_key_of_an_unknown_pepper_is_503(make_key: Make, api_with: Client, settings: Settings) -> None:
    client = api_with(make_key())
    settings.API_KEY_PEPPER, settings.API_KEY_PEPPER_PREVIOUS = "1e" * 32, []
    answer = client.get(WEBHOOKS)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")


def test_platform_api_takes_no_keys_and_says_where_they_are_for(make_key: Make, api_with: Client) -> None:
    answer = api_with(make_key()).get("/api/platform/tenants")
    assert answer.status_code == 401
    assert answer.json()["detail"] == "API keys are for /api/v1. The platform API takes access tokens."


def test_requests_errors_and_last_use_are_counted(make_key: Make, api_with: Client) -> None:
    issued = make_key("webhooks:read")
    client = api_with(issued, "192.0.2.7")
    assert [client.get(WEBHOOKS).status_code for _ in range(2)] == [200, 200]
    assert client.get(f"{WEBHOOKS}/unknown").status_code == 404
    assert client.post(WEBHOOKS, {"workflow_name": "x"}).status_code == 403
    assert used(issued) == [(4, 2)]
    stored = APIKey.objects.get()
    assert stored.last_used_at is not None
    assert timezone.now() - stored.last_used_at < timedelta(minutes=1)
    assert stored.last_used_address == "192.0.2.7"


def test_request_that_ends_unforeseen_is_counted_as_an_error(
    make_key: Make, api_with: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    issued = make_key()
    client = api_with(issued)
    client.raise_request_exception = False

    def fail(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("webhooks.api.webhooks.webhooks_of", fail)
    assert client.get(WEBHOOKS).status_code == 500
    assert used(issued) == [(1, 1)]


def test_refused_requests_write_nothing_of_the_tenants(make_key: Make, api_with: Client) -> None:
    issued = make_key("webhooks:read")
    before = ActivityLog.objects.count()
    api_with(issued.text[:-1] + ("0" if issued.text[-1] != "0" else "1")).post(WEBHOOKS, {"workflow_name": "x"})
    api_with(issued).post(WEBHOOKS, {"workflow_name": "x"})
    assert (ActivityLog.objects.count(), Webhook.objects.count()) == (before, 0)


def test_no_key_is_logged(make_key: Make, api_with: Client, caplog: pytest.LogCaptureFixture) -> None:
    issued = make_key()
    with caplog.at_level(logging.DEBUG):
        api_with(issued).get(WEBHOOKS)
        api_with(issued.text + "x").get(WEBHOOKS)
        api_with(issued).get("/api/platform/tenants")
    assert len([message for message in caplog.messages if "/api/" in message]) == 3
    assert issued.text[25:] not in caplog.text


def test_tenant_role_reads_the_keys_of_its_own_tenant_alone(
    make_key: Make, tenant: Tenant, other_tenant: Tenant
) -> None:
    own, _foreign = make_key(), make_key(of=other_tenant)
    with tenant_scope(tenant), connection.cursor() as cursor:
        cursor.execute("SELECT key_hash FROM integrations_apikey")
        assert cursor.fetchall() == [(own.key.key_hash,)]
