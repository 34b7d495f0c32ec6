"""`/api/platform/tenants/{tenant}/retention`: how long a tenant's history is kept."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.models.retention import LONGEST_DAYS
from analytics.tenant_retention import retention_of, set_retention
from integrations.api.openapi import ProblemSerializer
from integrations.api.problems import CONTENT_TYPE
from integrations.api.serializers import StrictSerializer
from integrations.api.tenancy import TenantMixin

_EXAMPLE: Final = OpenApiExample(
    "Calls for 30 days, payloads for a week",
    value={"days": 30, "payload_days": 7, "effective_days": 30, "effective_payload_days": 7},
    response_only=True,
)


class RetentionChangeSerializer(StrictSerializer):
    days = serializers.IntegerField(
        allow_null=True,
        min_value=1,
        max_value=LONGEST_DAYS,
        help_text="Days that calls, deliveries and events are kept; null: as long as the site's.",
    )
    payload_days = serializers.IntegerField(
        allow_null=True,
        min_value=1,
        max_value=LONGEST_DAYS,
        help_text="Days that payloads are kept, at least 3 and no longer than `days`; null: as long as the site's.",
    )


class RetentionSerializer(serializers.Serializer):
    """What a tenant has of its own, and what comes of that and the site's settings."""

    days = serializers.IntegerField(allow_null=True)
    payload_days = serializers.IntegerField(allow_null=True)
    effective_days = serializers.IntegerField()
    effective_payload_days = serializers.IntegerField()


class RetentionView(TenantMixin, APIView):
    @extend_schema(
        summary="Show how long a tenant's history is kept",
        responses=RetentionSerializer,
        examples=[_EXAMPLE],
        tags=["tenants"],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(RetentionSerializer(retention_of(self.tenant)).data)

    @extend_schema(
        summary="Keep a tenant's history for fewer days",
        description=(
            "Never longer than the site's. What is older goes with the next daily purge, for ever; sums by the hour stay."
        ),
        request=RetentionChangeSerializer,
        responses={200: RetentionSerializer, (422, CONTENT_TYPE): ProblemSerializer},
        examples=[
            OpenApiExample("Thirty days, payloads seven", value={"days": 30, "payload_days": 7}, request_only=True),
            _EXAMPLE,
        ],
        tags=["tenants"],
    )
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = RetentionChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        kept = set_retention(actor=self.actor, tenant=self.tenant, **given.validated_data)
        return Response(RetentionSerializer(kept).data)
