"""`GET …/webhooks/{webhook}/analytics` and `GET …/webhooks/analytics/calls`, both as lists and as files.

The tenant comes from `TenantMixin`: the same views serve platform admins and the tenant itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.api.call_serializers import CallSerializer
from analytics.api.examples import CALL, LINES
from analytics.api.parameters import CallParameters, ExportParameters, TenantCallParameters, TenantExportParameters
from analytics.api.webhook_reference import IN_PATH, WebhookReferenceMixin
from analytics.call_export import (
    CSV_HEADER,
    LONGEST_EXPORT,
    MAX_ROWS,
    FileFormat,
    csv_rows,
    export_calls,
)
from analytics.call_filter import SEARCHED, CallFilter
from analytics.models import WebhookCall
from analytics.queries import DescribedCalls, calls_of_tenant, calls_of_webhook, described
from integrations.api.pagination import CursorByID
from integrations.api.parameters import PAGING, read_parameters
from integrations.isolation.scope import tenant_scope
from integrations.scopes import Scope

_ROWS: Final = (
    "One entry for each finished run of a delivery: its last request, `attempts` says how many there were. So the list "
    "agrees with the figures. `attempts=all` shows every request. "
)
_SEARCHES: Final = (
    f"`status_class`, `status_code`, `event_type`, `triggered_by` and `error` search {SEARCHED.days} days at most: the "
    "last ones unless `from` or `to` say which."
)
_FILE: Final = (
    f"The same as the list, as one file, newest first: the last {SEARCHED.days} days unless `from` or `to` say which. At "
    f"most {LONGEST_EXPORT.days} days and {MAX_ROWS:,} calls, otherwise 422: take several. JSON lines hold all that the "
    "list shows; CSV leaves out headers, payload and response body, and writes an apostrophe before what a spreadsheet "
    "would run. The answer is written while it is read: only one that came to its regular end is whole."
)
_FILES: Final = {(200, "application/jsonl"): OpenApiTypes.STR, (200, "text/csv"): OpenApiTypes.STR}


class _CallList(WebhookReferenceMixin, GenericAPIView[WebhookCall]):
    scopes = {"GET": Scope.ANALYTICS_READ}
    serializer_class = CallSerializer
    pagination_class = CursorByID
    filter_backends = ()  # the parameters are read strictly

    def page_of(self, calls: QuerySet[WebhookCall]) -> Response:
        """Answer with a page of calls and with what is known of them elsewhere."""
        with tenant_scope(self.tenant):
            page = self.paginate_queryset(calls) or []
            known = described(tenant_id=self.tenant.id, calls=page)
        return self.get_paginated_response(CallSerializer.of(known).data)


class WebhookCallsView(_CallList):
    @extend_schema(
        operation_id="analytics_webhook_calls_list",
        summary="Calls of a webhook, newest first",
        description=_ROWS + _SEARCHES,
        parameters=[IN_PATH, CallParameters],
        responses=CallSerializer(many=True),
        examples=[CALL],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        wanted = CallParameters.filter(read_parameters(request, CallParameters, besides=PAGING))
        webhook_id = self.webhook_of_path()
        return self.page_of(calls_of_webhook(tenant_id=self.tenant.id, webhook_id=webhook_id, wanted=wanted))


class TenantCallsView(_CallList):
    @extend_schema(
        operation_id="analytics_calls_list",
        summary="Calls of all webhooks, newest first",
        description=_ROWS + _SEARCHES,
        parameters=[TenantCallParameters],
        responses=CallSerializer(many=True),
        examples=[CALL],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, TenantCallParameters, besides=PAGING)
        wanted, webhook_id = CallParameters.filter(parameters), self.webhook_of_query(parameters)
        if webhook_id is None:
            return self.page_of(calls_of_tenant(tenant_id=self.tenant.id, wanted=wanted))
        return self.page_of(calls_of_webhook(tenant_id=self.tenant.id, webhook_id=webhook_id, wanted=wanted))


def _json_lines(page: DescribedCalls) -> Iterator[str]:
    renderer = JSONRenderer()
    for call in CallSerializer.of(page).data:
        yield renderer.render(call).decode() + "\n"


_FORMATS: Final = {
    "jsonl": FileFormat("application/jsonl", "", _json_lines, has_contents=True),
    "csv": FileFormat("text/csv; charset=utf-8", CSV_HEADER, csv_rows, has_contents=False),
}


class _CallExport(WebhookReferenceMixin, APIView):
    scopes = {"GET": Scope.ANALYTICS_READ}

    def file(self, webhook_id: UUID | None, wanted: CallFilter, extension: str) -> HttpResponseBase:
        """Answer with a file that is written while it is sent."""
        file_format = _FORMATS[extension]
        pieces = export_calls(tenant=self.tenant, webhook_id=webhook_id, wanted=wanted, file_format=file_format)
        return StreamingHttpResponse(
            pieces,
            content_type=file_format.content_type,
            headers={
                "Content-Disposition": f'attachment; filename="calls-{self.tenant.slug}.{extension}"',
                "Cache-Control": "no-store",
            },
        )


class WebhookCallsExport(_CallExport):
    @extend_schema(
        operation_id="analytics_webhook_calls_export",
        summary="Export the calls of a webhook",
        description=_FILE,
        parameters=[IN_PATH, ExportParameters],
        responses=_FILES,
        examples=[LINES],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> HttpResponseBase:
        parameters = read_parameters(request, ExportParameters)
        return self.file(self.webhook_of_path(), CallParameters.filter(parameters), parameters["file_format"])


class TenantCallsExport(_CallExport):
    @extend_schema(
        operation_id="analytics_calls_export",
        summary="Export the calls of all webhooks",
        description=_FILE,
        parameters=[TenantExportParameters],
        responses=_FILES,
        examples=[LINES],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> HttpResponseBase:
        parameters: dict[str, Any] = read_parameters(request, TenantExportParameters)
        webhook_id = self.webhook_of_query(parameters)
        return self.file(webhook_id, CallParameters.filter(parameters), parameters["file_format"])
