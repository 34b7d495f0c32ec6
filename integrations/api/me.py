"""`GET /api/v1/me`: what the credential of the request is, and what it may do."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.member_access import MemberMixin
from integrations.api.members import PersonSerializer
from integrations.api.tenant_shown import TenantShownSerializer
from integrations.api_keys.models import APIKey
from integrations.api_keys.queries import get_key
from integrations.authentication.access import TenantAccess
from integrations.authentication.membership_lookup import memberships_of
from integrations.isolation.guard import outside_scope
from integrations.isolation.scope import tenant_scope
from integrations.member_queries import PEOPLE
from integrations.models import Membership, Role
from integrations.scopes import ANY_CREDENTIAL, expanded

_MOST_TENANTS: Final = 1_000
_TENANT: Final = {"id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e", "name": "Acme GmbH", "slug": "acme", "is_active": True}
_OF_KEY: Final = OpenApiExample(
    "For an API key",
    value={
        "kind": "api_key",
        "tenant": _TENANT,
        "scopes": ["webhooks:*"],
        "expanded_scopes": ["webhooks:read", "webhooks:write"],
        "key": {
            "id": "019a9f5e-8c22-7a31-9d4b-1f2e3d4c5b6a",
            "name": "shop backend",
            "key_prefix": "sb_live_4nKp8sQzX1yT7bRw",
            "expires_at": None,
        },
    },
    response_only=True,
)
_OF_MEMBER: Final = OpenApiExample(
    "For a member",
    value={
        "kind": "member",
        "tenant": _TENANT,
        "scopes": ["events:write", "webhooks:read"],
        "expanded_scopes": ["events:write", "webhooks:read"],
        "user": {
            "id": "019a9f5e-9d33-7c4c-8a07-5b1d9e6f2a33",
            "username": "grace@example.com",
            "email": "grace@example.com",
            "name": "Grace Hopper",
        },
        "membership": "019a9f5e-7b11-7d52-8c1a-0e2f3a4b5c6d",
        "role": "member",
        "tenants": [{**_TENANT, "role": "member"}],
    },
    response_only=True,
)


class TenantOfPersonSerializer(TenantShownSerializer):
    role = serializers.ChoiceField(choices=Role.choices)

    class Meta(TenantShownSerializer.Meta):
        fields = (*TenantShownSerializer.Meta.fields, "role")
        read_only_fields = fields


class KeyShownSerializer(serializers.ModelSerializer[APIKey]):
    class Meta:
        model = APIKey
        fields = ("id", "name", "key_prefix", "expires_at")
        read_only_fields = fields


class _CredentialSerializer(serializers.Serializer[Any]):
    tenant = TenantShownSerializer()
    scopes = serializers.ListField(child=serializers.CharField(), help_text="As granted, with wildcards.")
    expanded_scopes = serializers.ListField(child=serializers.CharField(), help_text="Every single scope.")


class APIKeyMeSerializer(_CredentialSerializer):
    kind = serializers.ChoiceField(choices=["api_key"])
    key = KeyShownSerializer()


class MemberMeSerializer(_CredentialSerializer):
    kind = serializers.ChoiceField(choices=["member"])
    user = PersonSerializer()
    membership = serializers.UUIDField(help_text="The id among the tenant's members, and of the owner of integrations.")
    role = serializers.ChoiceField(choices=Role.choices)
    tenants = TenantOfPersonSerializer(many=True, help_text="All tenants that the person belongs to, by slug.")


class Me(MemberMixin, APIView):
    scopes = {"GET": ANY_CREDENTIAL}

    @extend_schema(
        tags=["me"],
        operation_id="me_retrieve",
        summary="What your credential is",
        description="The tenant, and what may be done in it: of an API key, or of a person and their memberships.",
        responses=PolymorphicProxySerializer(
            "Me", {"api_key": APIKeyMeSerializer, "member": MemberMeSerializer}, resource_type_field_name="kind"
        ),
        examples=[_OF_KEY, _OF_MEMBER],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        access = self.access
        assert access is not None  # noqa: S101  (there is no such address for the platform)
        shared = {
            "tenant": TenantShownSerializer(access.tenant).data,
            "scopes": sorted(access.scopes),
            "expanded_scopes": sorted(expanded(access.scopes)),
        }
        if access.membership is None:
            return Response({"kind": "api_key", **shared, "key": self._key(access)})
        return Response({"kind": "member", **shared, **self._person(access.membership)})

    def _key(self, access: TenantAccess) -> dict[str, Any]:
        assert access.api_key_id is not None  # noqa: S101  (who is no member is a key)
        with tenant_scope(self.tenant):
            return dict(KeyShownSerializer(get_key(self.tenant, access.api_key_id)).data)

    def _person(self, membership: Membership) -> dict[str, Any]:
        with outside_scope(PEOPLE):
            person = membership.user
            all_of_them = memberships_of(person.id, at_most=_MOST_TENANTS)
        return {
            "user": PersonSerializer(person).data,
            "membership": str(membership.id),
            "role": membership.role,
            "tenants": [{**TenantShownSerializer(each.tenant).data, "role": each.role} for each in all_of_them],
        }
