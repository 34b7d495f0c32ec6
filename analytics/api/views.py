"""`GET …/webhooks/{webhook}/analytics` and `GET …/webhooks/analytics/summary`.

The tenant comes from `TenantMixin`: another source and another permission make these the tenants' own views.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.api.parameters import CallParameters, SummaryParameters
from analytics.api.serializers import CallSerializer, SummarySerializer
from analytics.call_filter import CallFilter
from analytics.models import WebhookCall
from analytics.ports import webhook_directory
from analytics.queries import calls_of_webhook, find_webhook
from analytics.summaries import summary
from integrations.api.openapi import ProblemSerializer
from integrations.api.pagination import CursorByID
from integrations.api.parameters import PAGING, read_parameters
from integrations.api.problems import CONTENT_TYPE
from integrations.api.tenancy import TenantMixin
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.scopes import Scope

_WEBHOOK: Final = OpenApiParameter(
    "webhook",
    str,
    OpenApiParameter.PATH,
    description="Id or workflow name. A deleted webhook is found by its id as long as anything is known of it.",
)

_CALL_EXAMPLE: Final = OpenApiExample(
    "A call that was answered",
    value={
        "id": "01938f6e-9d10-7c44-8a07-5b1d9e6f2a33",
        "webhook": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10",
        "workflow_name": "order_created",
        "delivery": "01938f6e-9c02-7f1a-b2c8-0d4e5f607182",
        "attempt": 1,
        "is_final": True,
        "event_type": "order.created",
        "triggered_by": "checkout",
        "request_payload": {"order": 1042, "total": "19.90"},
        "request_headers": {"Content-Type": "application/json", "User-Agent": "Signalbox"},
        "status_code": 200,
        "response_body": {"ok": True},
        "response_time_ms": 84,
        "success": True,
        "error_kind": "",
        "error_message": "",
        "metadata": {"source": "shop"},
        "timestamp": "2026-11-20T10:00:00.123456Z",
    },
    response_only=True,
)

_SUMMARY_EXAMPLE: Final = OpenApiExample(
    "Thirty days",
    value={
        "from": "2026-10-21T10:00:00Z",
        "to": "2026-11-20T11:00:00Z",
        "webhook": None,
        "total_calls": 1250,
        "successful_calls": 1231,
        "failed_calls": 19,
        "attempts": 1310,
        "success_rate": 98.48,
        "average_response_time_ms": 112.4,
        "p50": 79,
        "p95": 412,
        "p99": 1180,
    },
    response_only=True,
)


class WebhookCallsView(TenantMixin, GenericAPIView[WebhookCall]):
    scopes = {"GET": Scope.ANALYTICS_READ}
    serializer_class = CallSerializer
    pagination_class = CursorByID
    filter_backends = ()  # the parameters are read below, strictly

    @extend_schema(
        summary="Calls of a webhook, newest first",
        description="One entry for each HTTP request, retries included.",
        parameters=[_WEBHOOK, CallParameters],
        responses=CallSerializer(many=True),
        examples=[_CALL_EXAMPLE],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, CallParameters, besides=PAGING)
        with tenant_scope(self.tenant):
            webhook_id = find_webhook(tenant_id=self.tenant.id, reference=self.kwargs["webhook"])
            if webhook_id is None:
                raise NotFoundError("There is no such webhook.")
            page = self.paginate_queryset(self._calls(webhook_id, parameters)) or []
            payloads = webhook_directory().payloads(self.tenant.id, {call.event_id for call in page})
        shown = CallSerializer(page, many=True, context={"payloads": payloads})
        return self.get_paginated_response(shown.data)

    def _calls(self, webhook_id: UUID, parameters: dict[str, Any]) -> QuerySet[WebhookCall]:
        calls = calls_of_webhook(
            tenant_id=self.tenant.id,
            webhook_id=webhook_id,
            wanted=CallFilter(start=parameters.pop("from", None), end=parameters.pop("to", None), every_attempt=True),
        )
        return calls.filter(**parameters)


class WebhookSummaryView(TenantMixin, APIView):
    scopes = {"GET": Scope.ANALYTICS_READ}

    @extend_schema(
        summary="Sums over a period",
        description=(
            "Over whole hours (UTC): the period is widened to the hours that it touches and answered as such. The last "
            "30 days unless given, at most 400 days. Percentiles are estimated from counts in 24 buckets."
        ),
        parameters=[SummaryParameters],
        responses={200: SummarySerializer, (422, CONTENT_TYPE): ProblemSerializer},
        examples=[_SUMMARY_EXAMPLE],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, SummaryParameters)
        sums = summary(
            tenant_id=self.tenant.id,
            start=parameters.get("from"),
            end=parameters.get("to"),
            webhook_id=self._webhook_id(parameters["webhook"]) if "webhook" in parameters else None,
        )
        return Response(SummarySerializer(sums).data)

    def _webhook_id(self, reference: str) -> UUID:
        with tenant_scope(self.tenant):
            webhook_id = find_webhook(tenant_id=self.tenant.id, reference=reference)
        if webhook_id is None:
            raise serializers.ValidationError({"webhook": ["There is no such webhook."]})
        return webhook_id
