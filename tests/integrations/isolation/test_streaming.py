"""A stream is made after its view has returned: it opens a scope for each page, or it is refused."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.handlers.wsgi import WSGIHandler
from structlog.testing import capture_logs

from integrations.authentication.tokens import issue_tokens
from integrations.isolation.guard import UnscopedQueryError, is_armed
from integrations.isolation.streaming import pages_in_scope
from integrations.models import Membership, Tenant, User
from integrations.models.tenant import Role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.integrations.isolation.guarded_views")]


def join(tenant: Tenant, *names: str) -> User:
    """Make people members of a tenant and return the last of them."""
    for name in names:
        user = User.objects.create_user(name, f"{name}@example.com", "x")
        Membership.objects.create(tenant=tenant, user=user, role=Role.MEMBER)
    return user


def served(path: str, user: User) -> tuple[Iterable[bytes], str]:
    """Ask the site as a web server does; whoever calls iterates and closes."""
    environ: dict[str, Any] = {"PATH_INFO": path, "HTTP_AUTHORIZATION": f"Bearer {issue_tokens(user=user).access}"}
    setup_testing_defaults(environ)
    status: list[str] = []
    return WSGIHandler()(environ, lambda line, headers: status.append(line)), status[0]


def test_refuses_a_stream_that_reads_by_itself(tenant: Tenant, other_tenant: Tenant) -> None:
    member = join(tenant, "mia")
    join(other_tenant, "otto")

    body, status = served("/api/v1/NaiveStream", member)
    lines = iter(body)

    assert status == "200 OK"
    assert next(lines) == b"begin\n"
    with pytest.raises(UnscopedQueryError, match="integrations_user"):
        next(lines)
    body.close()  # as the server does
    assert not is_armed()


def test_guards_what_a_stream_does_at_its_end(tenant: Tenant) -> None:
    body, _ = served("/api/v1/StreamThatCleansUp", join(tenant, "mia"))
    next(iter(body))  # and the client hangs up

    with capture_logs() as log:
        body.close()

    # Django keeps errors of closing to itself, so the log has to tell.
    assert [line["event"] for line in log] == ["query_outside_scope"]
    assert not is_armed()


@pytest.mark.parametrize("others", [0, 1, 2, 4])
def test_streams_page_by_page_in_the_tenants_scope(tenant: Tenant, other_tenant: Tenant, others: int) -> None:
    join(other_tenant, "otto", "ottilie", "oswald")
    member = join(tenant, *(f"m{number}" for number in range(others)), "mia")

    body, status = served("/api/v1/PagedStream", member)
    lines = list(body)
    body.close()

    assert status == "200 OK"
    assert lines == [f"{tenant.id} no transaction\n".encode()] * (others + 1)
    assert not is_armed()


def test_ends_when_a_page_has_no_mark(tenant: Tenant) -> None:
    marks: list[int | None] = []

    def fetch(mark: int | None) -> tuple[list[int], int | None]:
        marks.append(mark)
        start = mark or 0
        return [start, start + 1], start + 2 if start < 4 else None

    assert list(pages_in_scope(tenant, fetch)) == [[0, 1], [2, 3], [4, 5]]
    assert marks == [None, 2, 4]


def test_yields_no_empty_page(tenant: Tenant) -> None:
    assert list(pages_in_scope(tenant, lambda mark: ([], None))) == []
