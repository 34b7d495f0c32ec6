"""`GET …/webhooks/analytics/…`: what calls add up to. The cost does not grow with their number.

The tenant comes from `TenantMixin`: the same views serve platform admins and the tenant itself.
"""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.api.examples import BY_WEBHOOK, ERRORS, PEAKS, SERIES, SUMMARY
from analytics.api.parameters import ErrorParameters, FigureParameters, WebhookFigureParameters, period_of
from analytics.api.serializers import (
    ErrorGroupsSerializer,
    PeaksSerializer,
    SeriesSerializer,
    SummarySerializer,
    WebhookSummariesSerializer,
)
from analytics.api.webhook_reference import WebhookReferenceMixin
from analytics.error_groups import EXAMINED, error_groups
from analytics.peaks import peaks
from analytics.ports import webhook_directory
from analytics.rollup_rows import covered_by
from analytics.summaries import summaries_by_webhook, summary
from analytics.timeseries import timeseries
from integrations.api.parameters import read_parameters
from integrations.isolation.scope import tenant_scope
from integrations.scopes import Scope

_PERIOD: Final = (
    "The last 30 days unless given, at most 400 days. Sums are kept by the minute for 48 hours and by the hour for ever: "
    "at most six hours within the last 48 are widened to the minutes that they touch, everything else to the hours (UTC), "
    "and answered as such. "
)
_ESTIMATES: Final = "Percentiles are estimated from counts in 24 buckets."


class _FiguresView(WebhookReferenceMixin, APIView):
    scopes = {"GET": Scope.ANALYTICS_READ}


class WebhookSummaryView(_FiguresView):
    @extend_schema(
        operation_id="analytics_summary",
        summary="Sums over a period",
        description=_PERIOD + _ESTIMATES,
        parameters=[FigureParameters],
        responses=SummarySerializer,
        examples=[SUMMARY],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, FigureParameters)
        period, webhook_id = period_of(parameters), self.webhook_of_query(parameters)
        sums = summary(tenant_id=self.tenant.id, start=period.start, end=period.end, webhook_id=webhook_id)
        return Response(SummarySerializer(sums).data)


class SummariesByWebhookView(_FiguresView):
    @extend_schema(
        operation_id="analytics_webhooks",
        summary="Sums of each webhook",
        description="Those that were called, the most called first, deleted ones among them. " + _PERIOD + _ESTIMATES,
        parameters=[WebhookFigureParameters],
        responses=WebhookSummariesSerializer,
        examples=[BY_WEBHOOK],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, WebhookFigureParameters)
        period = period_of(parameters)
        found = summaries_by_webhook(tenant_id=self.tenant.id, period=period, limit=parameters["limit"])
        with tenant_scope(self.tenant):
            ids = {one.webhook_id for one in found if one.webhook_id is not None}
            names = webhook_directory().names(self.tenant.id, ids)
        covered = covered_by(period)
        answer = {"start": covered.start, "end": covered.end, "results": found}
        return Response(WebhookSummariesSerializer(answer, context={"names": names}).data)


class TimeSeriesView(_FiguresView):
    @extend_schema(
        operation_id="analytics_timeseries",
        summary="Sums over time",
        description=(
            "In buckets that fit the period: minutes up to 90 minutes and 5 minutes up to six hours, where minutes are kept; "
            "otherwise hours up to 4 days, 6 hours up to 35 days, days beyond. They begin at whole multiples (UTC); the "
            "first and the last end where the period does, so that they add up to its summary. " + _PERIOD + _ESTIMATES
        ),
        parameters=[FigureParameters],
        responses=SeriesSerializer,
        examples=[SERIES],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, FigureParameters)
        period, webhook_id = period_of(parameters), self.webhook_of_query(parameters)
        series = timeseries(tenant_id=self.tenant.id, period=period, webhook_id=webhook_id)
        return Response(SeriesSerializer(series).data)


class PeaksView(_FiguresView):
    @extend_schema(
        operation_id="analytics_peaks",
        summary="Calls by weekday and hour",
        description=(
            "All 168 hours of the week (UTC), Monday's first hour first, added up over the hours that the period touches: "
            "the last 30 days unless given, at most 400 days."
        ),
        parameters=[FigureParameters],
        responses=PeaksSerializer,
        examples=[PEAKS],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, FigureParameters)
        period, webhook_id = period_of(parameters), self.webhook_of_query(parameters)
        found = peaks(tenant_id=self.tenant.id, period=period, webhook_id=webhook_id)
        return Response(PeaksSerializer(found).data)


class ErrorGroupsView(_FiguresView):
    @extend_schema(
        operation_id="analytics_errors",
        summary="What fails and why",
        description=(
            "Failed requests by webhook, kind of error, status and message, the largest groups first; messages are the same "
            "when they differ in numbers, addresses and ids only. Retries count, so that trouble shows before the first "
            f"call has failed for good. The newest {EXAMINED:,} failed requests of the period are examined; `is_complete` "
            "says whether these are all. The last 30 days unless given, at most 400 days, and no longer than calls are kept."
        ),
        parameters=[ErrorParameters],
        responses=ErrorGroupsSerializer,
        examples=[ERRORS],
        tags=["analytics"],
    )
    def get(self, request: Request, **kwargs: str) -> Response:
        parameters = read_parameters(request, ErrorParameters)
        period, webhook_id = period_of(parameters), self.webhook_of_query(parameters)
        found = error_groups(tenant_id=self.tenant.id, period=period, webhook_id=webhook_id, limit=parameters["limit"])
        return Response(ErrorGroupsSerializer(found).data)
