"""In a tenant's request nothing is read outside of its scope: not in the view, not after it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from rest_framework.test import APIClient
from structlog.testing import capture_logs

from integrations.authentication.tokens import issue_tokens
from integrations.isolation.guard import UnscopedQueryError, arm, disarm, is_armed, outside_scope
from integrations.isolation.middleware import TenantGuardMiddleware
from integrations.isolation.scope import ScopeConflictError, tenant_scope
from integrations.isolation.thread_state import state
from integrations.models import Membership, Tenant, User
from integrations.models.tenant import Role

URLS = "tests.integrations.isolation.guarded_views"

pytestmark = [pytest.mark.django_db, pytest.mark.urls(URLS)]


@pytest.fixture(autouse=True)
def _guard_is_taken_away() -> Iterator[None]:
    yield
    was_armed = is_armed()
    disarm()
    assert not was_armed, "The test left the guard armed: close the response."


@pytest.fixture
def client(tenant: Tenant) -> APIClient:
    return client_of(tenant)


def client_of(tenant: Tenant) -> APIClient:
    """Return a client that carries the token of a member of this tenant."""
    user = User.objects.create_user(f"member-of-{tenant.slug}", f"member@{tenant.slug}.example.com", "x")
    Membership.objects.create(tenant=tenant, user=user, role=Role.MEMBER)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    return client


def test_lets_a_request_read_in_its_scope(client: APIClient, other_tenant: Tenant) -> None:
    assert client.get("/api/v1/Scoped").json() == ["acme"]


@pytest.mark.parametrize(
    ("view", "tables"),
    [
        ("Unscoped", "integrations_tenant"),
        ("AfterTheScope", "integrations_tenant"),
        ("LateRendering", "integrations_tenant"),
        ("RawCursor", "integrations_tenant"),
        ("ManyStatements", "integrations_tenant"),
        ("OwnersQuestion?and_then=more", "integrations_user"),
    ],
)
def test_refuses_a_query_outside_of_the_scope(client: APIClient, view: str, tables: str) -> None:
    with capture_logs() as log, pytest.raises(UnscopedQueryError, match=f"queried {tables} outside"):
        client.get(f"/api/v1/{view}")

    [line] = [line for line in log if line["event"] == "query_outside_scope"]
    assert line == {"event": "query_outside_scope", "tables": tables, "log_level": "error"}


def test_answers_500_without_a_word_of_the_query(client: APIClient) -> None:
    client.raise_request_exception = False
    with capture_logs() as log:
        answer = client.get("/api/v1/RawCursor")

    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"] == "Something went wrong here. It was logged under the request's id."
    for text in (answer.content.decode(), str(log)):
        assert "customer" not in text
        assert "SELECT" not in text


@pytest.mark.django_db(transaction=True)
def test_refuses_what_runs_on_commit(client: APIClient) -> None:
    with pytest.raises(UnscopedQueryError):
        client.get("/api/v1/OnCommit")


def test_opens_no_scope_of_another_tenant(client: APIClient, other_tenant: Tenant) -> None:
    with pytest.raises(ScopeConflictError, match=str(other_tenant.id)):
        client.get(f"/api/v1/OtherTenantsScope?other={other_tenant.id}")

    with tenant_scope(other_tenant):
        assert Tenant.objects.get() == other_tenant


def test_lets_pass_what_is_the_owners_by_name(client: APIClient) -> None:
    assert client.get("/api/v1/OwnersQuestion").json() == ["ada", "member-of-acme"]


def test_disarms_when_the_response_was_closed(client: APIClient, tenant: Tenant) -> None:
    client.get("/api/v1/Scoped")
    assert not is_armed()
    client.raise_request_exception = False
    client.get("/api/v1/Unscoped")
    assert not is_armed()
    assert Tenant.objects.get() == tenant


def test_starts_the_next_request_of_the_thread_without_the_guard(client: APIClient, tenant: Tenant) -> None:
    def serve(request: HttpRequest) -> HttpResponse:
        arm(tenant.id)
        return HttpResponse()

    TenantGuardMiddleware(serve)(RequestFactory().get("/"))  # and nobody closes the response
    assert is_armed()
    assert client.get("/api/v1/Scoped").json() == ["acme"]
    assert not is_armed()


def test_disarms_when_the_request_breaks_off(tenant: Tenant) -> None:
    def serve(request: HttpRequest) -> HttpResponse:
        arm(tenant.id)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        TenantGuardMiddleware(serve)(RequestFactory().get("/"))
    assert not is_armed()


def test_refuses_to_arm_where_nobody_would_disarm(tenant: Tenant) -> None:
    with pytest.raises(RuntimeError, match="TenantGuardMiddleware"):
        arm(tenant.id)
    assert not is_armed()


def test_leaves_a_refused_request_to_read_nothing(tenant: Tenant) -> None:
    answer = APIClient().get("/api/v1/Unscoped")

    assert answer.status_code == 401
    assert not is_armed()


def test_changes_nothing_where_no_tenant_asks(tenant: Tenant, other_tenant: Tenant) -> None:
    with outside_scope("a service that tenants use too"):
        assert Tenant.objects.count() == 2
    assert Tenant.objects.count() == 2


def test_gives_the_reason_back_when_the_block_fails(tenant: Tenant) -> None:
    with pytest.raises(ZeroDivisionError), outside_scope("outer"), outside_scope("inner"):
        raise ZeroDivisionError
    assert state.why_outside is None


def test_guards_the_threads_of_tenants_alone(tenant: Tenant, transactional_db: None) -> None:
    def other_thread() -> int:
        try:
            return Tenant.objects.count()
        finally:
            connection.close()

    def serve(request: HttpRequest) -> HttpResponse:
        arm(tenant.id)
        with ThreadPoolExecutor(1) as pool:
            return HttpResponse(str(pool.submit(other_thread).result()))

    with closing(TenantGuardMiddleware(serve)(RequestFactory().get("/"))) as answer:
        assert answer.content == b"1"
