"""A tenant's API keys: `GET|POST …/api-keys`, `GET|PATCH|DELETE …/api-keys/{id}`, its rotation and its use."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.api_key_examples import CHANGE, CREATE, ISSUED, ROTATE, SHOWN, USAGE
from integrations.api.api_key_serializers import (
    APIKeyChangeSerializer,
    APIKeyCreateSerializer,
    APIKeyRotateSerializer,
    APIKeySerializer,
    IssuedKeySerializer,
    UsageParameters,
    UsageSerializer,
)
from integrations.api.filters import StableOrdering, StrictBooleanFilter
from integrations.api.tenancy import TenantMixin
from integrations.api_keys.models import APIKey
from integrations.api_keys.queries import get_key, keys_of, usage_of
from integrations.authentication.api_keys import APIKeyAuthentication
from integrations.isolation.scope import tenant_scope
from integrations.scopes import Scope
from integrations.services.api_keys import (
    IssuedKey,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
    update_api_key,
)

_KEY = OpenApiParameter("key", UUID, OpenApiParameter.PATH, description="The key's id.")
_NO_MORE_THAN_YOURS = (
    "Nobody gives a key more than they have: scopes, and of a key that asks its networks, rate limit and end (403)."
)


class APIKeyScheme(OpenApiAuthenticationExtension):
    """How to authenticate with an API key; registered by being defined."""

    target_class = APIKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "sb_live_…",
            "description": "From the admin, or `POST /api/v1/api-keys`.",
        }


class APIKeyFilter(django_filters.FilterSet):
    live = StrictBooleanFilter(method="find_live", label="Neither revoked nor expired.")
    ordering = StableOrdering(fields=("name", "created_at", "last_used_at", "expires_at"))

    class Meta:
        model = APIKey
        fields = ()

    def find_live(self, keys: Any, name: str, value: bool) -> Any:
        live = APIKey.objects.live(timezone.now())
        return keys.filter(id__in=live.values("id")) if value else keys.exclude(id__in=live.values("id"))


@extend_schema(tags=["api-keys"])
@extend_schema_view(
    get=extend_schema(
        operation_id="api_keys_list",
        summary="List API keys",
        description="The newest first unless `ordering` says other; those that have ended, too.",
        examples=[SHOWN],
    )
)
class APIKeyList(TenantMixin, generics.ListAPIView[APIKey]):
    scopes = {"GET": Scope.KEYS_MANAGE, "POST": Scope.KEYS_MANAGE}
    queryset = APIKey.objects.none()
    serializer_class = APIKeySerializer
    filterset_class = APIKeyFilter

    def get_queryset(self) -> QuerySet[APIKey]:
        # The API's description is made without a request, and so without a tenant.
        return keys_of(self.tenant.id) if hasattr(self, "tenant") else APIKey.objects.none()

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="api_keys_create",
        summary="Create an API key",
        description=f"The answer holds the key itself, as `secret`, this once. {_NO_MORE_THAN_YOURS}",
        request=APIKeyCreateSerializer,
        responses={201: IssuedKeySerializer},
        examples=[CREATE, ISSUED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = APIKeyCreateSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        issued = create_api_key(actor=self.actor, tenant=self.tenant, access=self.access, **given.validated_data)
        return _issued_answer(issued)


@extend_schema(tags=["api-keys"], parameters=[_KEY])
class APIKeyDetail(TenantMixin, APIView):
    scopes = {"GET": Scope.KEYS_MANAGE, "PATCH": Scope.KEYS_MANAGE, "DELETE": Scope.KEYS_MANAGE}

    @extend_schema(
        operation_id="api_keys_retrieve", summary="Show an API key", responses=APIKeySerializer, examples=[SHOWN]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            return Response(APIKeySerializer(get_key(self.tenant, self.kwargs["key"])).data)

    @extend_schema(
        operation_id="api_keys_change",
        summary="Change an API key",
        description=f"What is left out stays as it is; takes effect with the key's next request. {_NO_MORE_THAN_YOURS}",
        request=APIKeyChangeSerializer,
        responses=APIKeySerializer,
        examples=[CHANGE, SHOWN],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = APIKeyChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        key = update_api_key(
            actor=self.actor,
            tenant=self.tenant,
            access=self.access,
            key_id=self.kwargs["key"],
            **given.validated_data,
        )
        return Response(APIKeySerializer(key).data)

    @extend_schema(
        operation_id="api_keys_revoke",
        summary="Revoke an API key",
        description="For good, and from its next request on. The key stays in the list; revoking it again changes nothing.",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        revoke_api_key(actor=self.actor, tenant=self.tenant, key_id=self.kwargs["key"])
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["api-keys"], parameters=[_KEY])
class APIKeyRotation(TenantMixin, APIView):
    scopes = {"POST": Scope.KEYS_MANAGE}

    @extend_schema(
        operation_id="api_keys_rotate",
        summary="Rotate an API key",
        description=(
            "Answers a new key with the same settings, the same end among them. The old one works on for the overlap, so "
            "that a backend can change over. Rotating the new one again ends the oldest at once; 409 for a key that has "
            f"ended or was rotated already. {_NO_MORE_THAN_YOURS}"
        ),
        request=APIKeyRotateSerializer,
        responses={201: IssuedKeySerializer},
        examples=[ROTATE, ISSUED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = APIKeyRotateSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        issued = rotate_api_key(
            actor=self.actor,
            tenant=self.tenant,
            access=self.access,
            key_id=self.kwargs["key"],
            overlap=timedelta(hours=given.validated_data["overlap_hours"]),
        )
        return _issued_answer(issued)

    def address_of(self, object_id: str) -> str | None:
        return f"{self.request.path.rpartition('/api-keys/')[0]}/api-keys/{object_id}"


@extend_schema(tags=["api-keys"], parameters=[_KEY])
class APIKeyUsageView(TenantMixin, APIView):
    scopes = {"GET": Scope.KEYS_MANAGE}

    @extend_schema(
        operation_id="api_keys_usage",
        summary="How much an API key is used",
        description=(
            "By hour, over the hours that the period touches: 90 days at most, which is as long as counts are kept. "
            "Counts are up to a minute late."
        ),
        parameters=[UsageParameters],
        responses=UsageSerializer,
        examples=[USAGE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        period = UsageParameters(data=request.query_params)
        period.is_valid(raise_exception=True)
        asked = period.validated_data
        with tenant_scope(self.tenant):
            key = get_key(self.tenant, self.kwargs["key"])
            usage = usage_of(key, now=timezone.now(), start=asked.get("from"), end=asked.get("to"))
        return Response(UsageSerializer(usage).data)


def _issued_answer(issued: IssuedKey) -> Response:
    body = {**APIKeySerializer(issued.key).data, "secret": issued.text}
    return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})
