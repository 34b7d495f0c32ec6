"""`/api/v1` takes the short way through the middleware, and everybody else the whole of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from django.utils.module_loading import import_string
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from config.tenants_chain import TenantsChainMiddleware
from integrations.activity.actor import Actor
from integrations.models import Tenant, User
from integrations.services.api_keys import create_api_key

TENANTS_MIDDLEWARE = [
    "RequestContextMiddleware",
    "TenantGuardMiddleware",
    "ProbeMiddleware",
    "LengthRequiredMiddleware",
    "SecurityMiddleware",
    "ContentSecurityPolicyMiddleware",
    "XFrameOptionsMiddleware",
    "CommonMiddleware",
    "AnswerHeadersMiddleware",
    "TenantsChainMiddleware",
]
BROWSERS_MIDDLEWARE = [
    "WhiteNoiseMiddleware",
    "SessionMiddleware",
    "CsrfViewMiddleware",
    "AuthenticationMiddleware",
    "SessionExpiryMiddleware",
    "MessageMiddleware",
]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fills with the middleware that a request passes, in order."""
    names: list[str] = []

    def note(middleware: Any) -> None:
        call = middleware.__call__

        def noted(self: Any, request: Any) -> Any:
            names.append(type(self).__name__)
            return call(self, request)

        monkeypatch.setattr(middleware, "__call__", noted)

    for path in configured.MIDDLEWARE:
        note(import_string(path))
    return names


@pytest.fixture
def key(tenant: Tenant, admin_actor: Actor) -> str:
    issued = create_api_key(actor=admin_actor, tenant=tenant, access=None, name="backend", scopes=["*"])
    return f"Bearer {issued.text}"


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/webhooks", "/api/v1/docs", "/api/v1/nothing/here"])
@pytest.mark.django_db
def test_api_of_tenants_passes_these_middleware_and_no_others(passed: list[str], path: str, key: str) -> None:
    APIClient().get(path, headers={"Authorization": key})

    assert passed == TENANTS_MIDDLEWARE


@pytest.mark.parametrize("path", ["/api/platform/tenants", "/admin/login/", "/api/docs", "/api/v1", "//api/v1/me"])
@pytest.mark.django_db
def test_everything_else_passes_all(passed: list[str], path: str) -> None:
    Client().get(path)

    assert passed == TENANTS_MIDDLEWARE + BROWSERS_MIDDLEWARE


def test_the_list_is_the_settings_whole() -> None:
    names = [path.rpartition(".")[2] for path in configured.MIDDLEWARE]

    assert names == TENANTS_MIDDLEWARE + BROWSERS_MIDDLEWARE


@pytest.mark.parametrize("sent", [True, False], ids=["answered", "refused"])
@pytest.mark.django_db
def test_answers_of_both_ways_have_the_same_security_headers(settings: Settings, key: str, sent: bool) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    headers = {"Authorization": key} if sent else {}

    answer = APIClient().get("/api/v1/webhooks", headers=headers, secure=True)

    assert answer.status_code == (200 if sent else 401)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert not answer.cookies


@pytest.mark.django_db
def test_http_is_sent_to_https_and_an_unknown_host_is_refused(settings: Settings, key: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert APIClient().get("/api/v1/me", headers={"Authorization": key}).status_code == 301

    settings.SECURE_SSL_REDIRECT = False
    answer = APIClient().get("/api/v1/me", headers={"Authorization": key, "Host": "elsewhere.example.com"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.django_db
def test_a_session_opens_nothing_for_tenants(platform_admin: User, tenant: Tenant) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(platform_admin)

    headers = {"X-Signalbox-Tenant": tenant.slug}
    assert client.get("/api/v1/webhooks", headers=headers).status_code == 401
    assert client.post("/api/v1/webhooks", "{}", "application/json", headers=headers).status_code == 401


@pytest.mark.django_db
def test_the_platforms_api_takes_the_admins_session_with_its_csrf_token_only(platform_admin: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(platform_admin)
    client.get("/admin/password_change/")  # sets the cookie
    tenants, body = "/api/platform/tenants", {"name": "Acme", "slug": "acme"}

    assert client.get(tenants).status_code == 200
    assert client.post(tenants, body, "application/json").status_code == 403
    assert not Tenant.objects.exists()
    token = client.cookies[configured.CSRF_COOKIE_NAME].value
    assert client.post(tenants, body, "application/json", headers={"X-CSRFToken": token}).status_code == 201


def test_an_unknown_address_is_answered_as_elsewhere(rf: Any) -> None:
    chain = TenantsChainMiddleware(lambda request: pytest.fail("the browsers' way was taken"))
    request = rf.get("/api/v1/nothing/here")

    answer = chain(request)

    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
