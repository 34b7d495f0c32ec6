"""Who may use `/api/platform/…`: every address asks the same question."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from integrations.authentication.tokens import issue_tokens
from integrations.models import Membership, Role, Tenant, User

TENANTS = "/api/platform/tenants"
UUID = "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"


def platform_paths() -> list[str]:
    """Return every platform address of the site, with something for each parameter."""

    def walk(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                yield route

    routes = [route for route in walk(get_resolver().url_patterns, "/") if route.startswith("/api/platform/")]
    filled = []
    for route in routes:
        parts = [UUID if part.startswith("<") else part for part in route.split("/")]
        filled.append("/".join(parts))
    return filled


def logged_in(user: User) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


def staff(role: str) -> User:
    return User.objects.create_user("sam", password="x", is_staff=True, platform_role=role)


def test_lists_platform_addresses_to_test() -> None:
    assert TENANTS in platform_paths()
    assert len(platform_paths()) >= 4


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_refuses_every_platform_address_without_a_token(db: None, anonymous_api: APIClient, method: str) -> None:
    answers = {path: getattr(anonymous_api, method)(path).status_code for path in platform_paths()}

    assert answers == dict.fromkeys(answers, 401)


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_refuses_every_platform_address_to_a_tenants_owner(tenant: Tenant, method: str) -> None:
    user = User.objects.create_user("mia", password="x")
    Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
    client = logged_in(user)

    answers = {path: getattr(client, method)(path).status_code for path in platform_paths()}

    assert answers == dict.fromkeys(answers, 403)


@pytest.mark.parametrize("role", ["owner", "operator", "auditor"])
def test_lets_staff_of_every_role_read(db: None, role: str) -> None:
    assert logged_in(staff(role)).get(TENANTS).status_code == 200


def test_refuses_staff_without_a_role(db: None) -> None:
    assert logged_in(staff("")).get(TENANTS).status_code == 403


@pytest.mark.parametrize(("role", "status"), [("owner", 201), ("operator", 201), ("auditor", 403)])
def test_lets_all_but_auditors_change(db: None, role: str, status: int) -> None:
    response = logged_in(staff(role)).post(TENANTS, {"name": "Acme", "slug": "acme"})

    assert response.status_code == status
    assert Tenant.objects.exists() is (status == 201)
    if role == "auditor":
        assert response.json()["detail"] == "Auditors may read, but change nothing."


def test_refuses_a_superuser_who_was_deactivated(api: APIClient, platform_admin: User) -> None:
    assert api.get(TENANTS).status_code == 200
    User.objects.update(is_active=False)

    assert api.get(TENANTS).status_code == 401


def test_lets_the_admins_session_read(anonymous_api: APIClient, platform_admin: User) -> None:
    anonymous_api.force_login(platform_admin)

    assert anonymous_api.get(TENANTS).status_code == 200


def test_asks_a_session_for_its_csrf_token_before_it_writes(anonymous_api: APIClient, platform_admin: User) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(platform_admin)
    body = {"name": "Acme", "slug": "acme"}

    assert client.post(TENANTS, body).status_code == 403
    assert not Tenant.objects.exists()

    client.get("/admin/login/")
    client.get("/admin/password_change/")
    token = client.cookies["csrftoken"].value
    assert client.post(TENANTS, body, HTTP_X_CSRFTOKEN=token).status_code == 201


def test_does_not_fall_back_to_the_session_when_the_token_is_wrong(
    anonymous_api: APIClient, platform_admin: User
) -> None:
    anonymous_api.force_login(platform_admin)

    assert anonymous_api.get(TENANTS, HTTP_AUTHORIZATION="Bearer wrong").status_code == 401
