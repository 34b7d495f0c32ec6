"""`GET …/alerts`: what is wrong, and what was."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from analytics.alerts.api.examples import ALERT, PLATFORM_ALERT
from analytics.alerts.api.owners import OfPlatform, OfTenant
from analytics.alerts.api.serializers import AlertParameters, AlertSerializer, PlatformAlertSerializer
from analytics.alerts.models import Alert
from analytics.alerts.queries import alerts_of_platform, alerts_of_tenant
from integrations.api.pagination import CursorByID
from integrations.api.parameters import PAGING, read_parameters
from integrations.scopes import Scope


class _AlertsView(GenericAPIView[Alert]):
    serializer_class = AlertSerializer
    pagination_class = CursorByID
    filter_backends = ()  # the parameters are read strictly

    def page_of(self, alerts: QuerySet[Alert], parameters: dict[str, Any]) -> Response:
        """Answer the page of the alerts that the parameters leave; inside the scope."""
        if "state" in parameters:
            alerts = alerts.filter(recovered_at__isnull=parameters["state"] == "open")
        if "kind" in parameters:
            alerts = alerts.filter(rule_kind=parameters["kind"])
        page = self.paginate_queryset(alerts) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


@extend_schema(tags=["alerts"])
class AlertList(OfTenant, _AlertsView):
    scopes = {"GET": Scope.ALERTS_READ}

    @extend_schema(
        operation_id="alerts_list",
        summary="What is and was wrong, newest first",
        description="What the tenant's own rules found, and what those of the platform that it did not mute did.",
        parameters=[AlertParameters],
        responses=AlertSerializer(many=True),
        examples=[ALERT],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parameters = read_parameters(request, AlertParameters, besides=PAGING)
        with self.scope():
            return self.page_of(alerts_of_tenant(self.tenant.id), parameters)


@extend_schema(tags=["alerts"])
class PlatformAlertList(OfPlatform, _AlertsView):
    serializer_class = PlatformAlertSerializer

    @extend_schema(
        operation_id="platform_alerts_list",
        summary="What the platform's rules found, over all tenants, newest first",
        parameters=[AlertParameters],
        responses=PlatformAlertSerializer(many=True),
        examples=[PLATFORM_ALERT],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.page_of(alerts_of_platform(), read_parameters(request, AlertParameters, besides=PAGING))
