"""Who did what: `GET /api/platform/activity` for all tenants, `GET …/tenants/{tenant}/activity` for one.

`ActivityList` takes its tenant from `TenantMixin`, so that the tenant's own address serves the same view.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from integrations.activity.models import ActivityLog, ActorKind
from integrations.activity.queries import made_between, with_verb
from integrations.api.pagination import CursorByID
from integrations.api.parameters import PAGING, PeriodParameters, read_parameters
from integrations.api.tenancy import TenantMixin
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.platform_roles import may_view
from integrations.scopes import Scope
from integrations.tenant_lookup import get_tenant

_EXAMPLE: Final = OpenApiExample(
    "A change of a webhook",
    value={
        "id": "01938f6e-9d10-7c44-8a07-5b1d9e6f2a33",
        "tenant": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
        "verb": "webhook.updated",
        "actor": {"kind": "user", "id": "01938f6e-1111-7d2e-9b51-3f6f0c9d2b10", "name": "ada", "address": "192.0.2.7"},
        "object": {"kind": "webhook", "id": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10", "name": "order_created"},
        "changed_fields": ["timeout_ms"],
        "detail": "",
        "request_id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
        "created_at": "2026-11-20T10:00:00.123456Z",
    },
    response_only=True,
)


class ActivityParameters(PeriodParameters):
    verb = serializers.CharField(
        required=False, max_length=64, help_text="Exactly this verb, or all about something: `webhook.*`."
    )
    actor = serializers.CharField(required=False, max_length=254, help_text="The actor's name, exactly.")
    object_kind = serializers.CharField(required=False, max_length=64, help_text="Such as `integration` or `webhook`.")
    object_id = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from" in attrs and "to" in attrs and attrs["from"] >= attrs["to"]:
            raise serializers.ValidationError({"to": ["This must be later than `from`."]})
        return attrs


class PlatformActivityParameters(ActivityParameters):
    tenant = serializers.CharField(required=False, max_length=100, help_text="A tenant's id or slug.")


class ActorSerializer(serializers.Serializer[ActivityLog]):
    kind = serializers.ChoiceField(choices=ActorKind.choices, source="actor_kind")
    id = serializers.UUIDField(source="actor_id", allow_null=True)
    name = serializers.CharField(source="actor_name")
    address = serializers.SerializerMethodField(help_text="Where from; shown to platform staff, null to others.")

    def get_address(self, entry: ActivityLog) -> str | None:
        return entry.actor_address if self.context.get("shows_addresses") else None


class ObjectSerializer(serializers.Serializer[ActivityLog]):
    kind = serializers.CharField(source="object_kind")
    id = serializers.UUIDField(source="object_id", allow_null=True)
    name = serializers.CharField(source="object_name", help_text="As it was called then.")


class ActivitySerializer(serializers.Serializer[ActivityLog]):
    """One deed. Names fields that changed, never their values."""

    id = serializers.UUIDField()
    tenant = serializers.UUIDField(source="tenant_id", allow_null=True, help_text="Null for deeds on the platform.")
    verb = serializers.CharField()
    actor = ActorSerializer(source="*")
    object = ObjectSerializer(source="*")
    changed_fields = serializers.ListField(child=serializers.CharField())
    detail = serializers.CharField(allow_blank=True)
    request_id = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class _ActivityView(GenericAPIView[ActivityLog]):
    serializer_class = ActivitySerializer
    pagination_class = CursorByID
    filter_backends = ()  # the parameters are read strictly

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "shows_addresses": may_view(self.request.user)}

    def answer(self, entries: QuerySet[ActivityLog]) -> Response:
        page = self.paginate_queryset(entries) or []
        return self.get_paginated_response(self.get_serializer(page, many=True).data)


class ActivityList(TenantMixin, _ActivityView):
    scopes = {"GET": Scope.ACTIVITY_READ}

    @extend_schema(
        tags=["activity"],
        operation_id="activity_list",
        summary="Who did what in a tenant, newest first",
        parameters=[ActivityParameters],
        responses=ActivitySerializer(many=True),
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parameters = read_parameters(request, ActivityParameters, besides=PAGING)
        with tenant_scope(self.tenant):
            entries = ActivityLog.objects.filter(tenant_id=self.tenant.id)
            return self.answer(_matching(entries, parameters, across_tenants=False))


class PlatformActivityList(_ActivityView):
    @extend_schema(
        tags=["activity"],
        operation_id="platform_activity_list",
        summary="Who did what, over all tenants, newest first",
        description="With the deeds that concern the platform itself: staff, roles, locked log-ins.",
        parameters=[PlatformActivityParameters],
        responses=ActivitySerializer(many=True),
        examples=[_EXAMPLE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        parameters = read_parameters(request, PlatformActivityParameters, besides=PAGING)
        entries = ActivityLog.objects.all()
        if "tenant" in parameters:
            entries = entries.filter(tenant_id=_tenant_id(parameters["tenant"]))
        return self.answer(_matching(entries, parameters, across_tenants=True))


def _tenant_id(reference: str) -> UUID:
    try:
        return get_tenant(reference).id
    except NotFoundError as error:
        raise serializers.ValidationError({"tenant": [error.detail]}) from None


def _matching(
    entries: QuerySet[ActivityLog], parameters: dict[str, Any], *, across_tenants: bool
) -> QuerySet[ActivityLog]:
    entries = made_between(entries, parameters.get("from"), parameters.get("to"))
    if "verb" in parameters:
        entries = with_verb(entries, parameters["verb"], across_tenants=across_tenants)
    if "actor" in parameters:
        entries = entries.filter(actor_name=parameters["actor"])
    exactly = {name: parameters[name] for name in ("object_kind", "object_id") if name in parameters}
    return entries.filter(**exactly)
