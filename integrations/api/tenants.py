"""`/api/platform/tenants`."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_view
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.filters import StableOrdering, StrictBooleanFilter
from integrations.api.serializers import StrictModelSerializer
from integrations.api.tenancy import ActorMixin, TenantMixin
from integrations.models import Tenant
from integrations.services.tenants import create_tenant, delete_tenant, update_tenant

_EXAMPLE = OpenApiExample(
    "A tenant",
    value={
        "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
        "name": "Acme GmbH",
        "slug": "acme",
        "is_active": True,
        "created_at": "2026-01-31T12:00:00Z",
        "updated_at": "2026-01-31T12:00:00Z",
    },
    response_only=True,
)


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    class Meta:
        model = Tenant
        fields = ("id", "name", "slug", "is_active", "created_at", "updated_at")
        read_only_fields = fields


class TenantCreateSerializer(StrictModelSerializer):
    class Meta:
        model = Tenant
        fields = ("name", "slug", "is_active")
        # A slug that is taken is the service's to refuse: with 409, and without a race.
        validators = ()
        extra_kwargs = {"slug": {"validators": list(Tenant._meta.get_field("slug").validators)}}


class TenantChangeSerializer(StrictModelSerializer):
    class Meta:
        model = Tenant
        fields = ("name", "slug", "is_active")
        read_only_fields = ("slug",)


class TenantFilter(django_filters.FilterSet):
    is_active = StrictBooleanFilter()
    search = django_filters.CharFilter(method="find", label="Part of a name or slug.")
    ordering = StableOrdering(fields=("name", "slug", "created_at", "updated_at"))

    class Meta:
        model = Tenant
        fields = ("is_active",)

    def find(self, tenants: QuerySet[Tenant], name: str, value: str) -> QuerySet[Tenant]:
        return tenants.filter(Q(name__icontains=value) | Q(slug__icontains=value))


@extend_schema(tags=["tenants"])
@extend_schema_view(get=extend_schema(operation_id="tenants_list", summary="List tenants", examples=[_EXAMPLE]))
class TenantList(ActorMixin, generics.ListAPIView[Tenant]):
    queryset = Tenant.objects.existing()
    serializer_class = TenantSerializer
    filterset_class = TenantFilter

    @extend_schema(
        operation_id="tenants_create",
        summary="Create a tenant",
        description="Its data key is made with it. The slug cannot be changed later.",
        request=TenantCreateSerializer,
        responses={201: TenantSerializer},
        examples=[OpenApiExample("Create", value={"name": "Acme GmbH", "slug": "acme"}, request_only=True), _EXAMPLE],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = TenantCreateSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        tenant = create_tenant(actor=self.actor, **given.validated_data)
        return Response(TenantSerializer(tenant).data, status=status.HTTP_201_CREATED)


@extend_schema(tags=["tenants"])
class TenantDetail(TenantMixin, APIView):
    @extend_schema(
        operation_id="tenants_retrieve", summary="Show a tenant", responses=TenantSerializer, examples=[_EXAMPLE]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(TenantSerializer(self.tenant).data)

    @extend_schema(
        operation_id="tenants_update",
        summary="Change a tenant",
        description="An inactive tenant accepts nothing; its waiting deliveries are held.",
        request=TenantChangeSerializer,
        responses=TenantSerializer,
        examples=[OpenApiExample("Deactivate", value={"is_active": False}, request_only=True), _EXAMPLE],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = TenantChangeSerializer(self.tenant, data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        tenant = update_tenant(actor=self.actor, tenant=self.tenant, **given.validated_data)
        return Response(TenantSerializer(tenant).data)

    @extend_schema(
        operation_id="tenants_delete",
        summary="Delete a tenant",
        description=(
            "Hides the tenant at once, stops its deliveries and destroys its data key: its secrets are unreadable from "
            "then on, in backups too. The rest of its rows are removed in the background."
        ),
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_tenant(actor=self.actor, tenant=self.tenant)
        return Response(status=status.HTTP_204_NO_CONTENT)
