"""Views of a tenant that forget its scope in every way there is, and ones that do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.audience import v1_path
from integrations.api.tenancy import TenantMixin
from integrations.isolation.guard import outside_scope
from integrations.isolation.scope import tenant_scope
from integrations.isolation.streaming import pages_in_scope
from integrations.models import Membership, Tenant, User
from integrations.scopes import Scope

PAGE = 2


class View(TenantMixin, APIView):
    scopes = {"GET": Scope.MEMBERS_READ}


class Scoped(View):
    def get(self, request: Request) -> Response:
        with tenant_scope(self.tenant):
            return Response(sorted(Tenant.objects.values_list("slug", flat=True)))


class Unscoped(View):
    def get(self, request: Request) -> Response:
        return Response(list(Tenant.objects.filter(slug="no-such-slug").values_list("slug", flat=True)))


class AfterTheScope(View):
    def get(self, request: Request) -> Response:
        with tenant_scope(self.tenant):
            membership = Membership.objects.get()
        return Response(membership.tenant.slug)


class LateRendering(View):
    def get(self, request: Request) -> Response:
        with tenant_scope(self.tenant):
            return Response(Tenant.objects.values_list("slug", flat=True))  # the renderer evaluates it


class OnCommit(View):
    def get(self, request: Request) -> Response:
        with tenant_scope(self.tenant):
            transaction.on_commit(Tenant.objects.count)
        return Response("never")


class RawCursor(View):
    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.execute("SELECT slug FROM integrations_tenant WHERE slug <> 'a customer''s data'")
            return Response(cursor.fetchall())


class ManyStatements(View):
    def get(self, request: Request) -> Response:
        with connection.cursor() as cursor:
            cursor.executemany("UPDATE integrations_tenant SET name = %s", [["x"]])
        return Response("never")


class OtherTenantsScope(View):
    def get(self, request: Request) -> Response:
        other = UUID(request.query_params["other"])
        with tenant_scope(other):
            return Response("never")


class OwnersQuestion(View):
    def get(self, request: Request) -> Response:
        with outside_scope("accounts are the platform's"):
            usernames = sorted(User.objects.values_list("username", flat=True))
        if "and_then" in request.query_params:
            User.objects.count()
        return Response(usernames)


class _Stream(View):
    def get(self, request: Request) -> HttpResponseBase:  # type: ignore[override]
        return StreamingHttpResponse(self.lines(), content_type="text/plain")

    def lines(self) -> Iterator[str]:
        raise NotImplementedError


class NaiveStream(_Stream):
    def lines(self) -> Iterator[str]:
        yield "begin\n"
        yield from (f"{name}\n" for name in User.objects.values_list("username", flat=True))


class StreamThatCleansUp(_Stream):
    def lines(self) -> Iterator[str]:
        try:
            yield "begin\n"
            yield "end\n"
        finally:
            Tenant.objects.count()


class PagedStream(_Stream):
    def lines(self) -> Iterator[str]:
        for page in pages_in_scope(self.tenant, self.fetch):
            state = "open" if connection.in_atomic_block else "no transaction"
            yield from (f"{tenant_id} {state}\n" for _, tenant_id in page)

    @staticmethod
    def fetch(after: UUID | None) -> tuple[Sequence[tuple[UUID, UUID]], UUID | None]:
        memberships: Any = Membership.objects.order_by("id")  # of whom? The scope knows.
        if after is not None:
            memberships = memberships.filter(id__gt=after)
        page = list(memberships.values_list("id", "tenant_id")[:PAGE])
        return page, page[-1][0] if len(page) == PAGE else None


VIEWS = (
    Scoped, Unscoped, AfterTheScope, LateRendering, OnCommit, RawCursor, ManyStatements, OtherTenantsScope,
    OwnersQuestion, NaiveStream, StreamThatCleansUp, PagedStream,
)  # fmt: skip
urlpatterns = [path("api/", include([v1_path(view.__name__, view) for view in VIEWS]))]
handler500 = "config.error_pages.server_error"
