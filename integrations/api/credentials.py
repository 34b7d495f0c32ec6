"""Replacing an integration's credentials after a test, and putting earlier ones back."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.integration_bodies import flat_body
from integrations.api.integration_item_serializers import ANY_ITEM, item_examples
from integrations.api.integration_items import ID, WRITERS, ItemMixin
from integrations.api.integration_serializers import one_of, written
from integrations.api.preconditions import expected_version
from integrations.errors import InvalidInputError
from integrations.isolation.scope import tenant_scope
from integrations.models import CredentialVersion
from integrations.providers.registry import all_providers
from integrations.queries import shown_config
from integrations.services.credential_rotation import restore_version, rotate_credentials

_VERSION: Final = OpenApiParameter("version", UUID, OpenApiParameter.PATH, description="Its id.")
_WHO: Final = "The tenant's need `integrations:write`; a member's own need `integrations:use`."


class _RotationEnvelope(serializers.Serializer[Any]):
    untested = serializers.BooleanField(
        default=False, help_text="Store them although the provider was not asked, or cannot be."
    )


_ANY_ROTATION: Final = one_of(
    "CredentialRotation",
    [written(provider, base=_RotationEnvelope, suffix="CredentialRotation") for provider in all_providers()],
)


class CredentialVersionSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField(help_text="Counts up; the credentials in use have a higher one.")
    provider = serializers.CharField()
    values = serializers.DictField(help_text="By field, secrets masked; those that no longer open are left out.")
    in_use_since = serializers.DateTimeField(allow_null=True)
    replaced_at = serializers.DateTimeField()
    replaced_by = serializers.CharField(source="replaced_by_name")


_SHOWN: Final = OpenApiExample(
    "Earlier credentials",
    value=[
        {
            "id": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10",
            "number": 3,
            "provider": "whatsapp",
            "values": {"phone_number_id": "106540352242922", "access_token": "EAATestAcc***456789"},
            "in_use_since": "2026-08-20T10:00:00Z",
            "replaced_at": "2026-11-20T10:00:00Z",
            "replaced_by": "ada",
        }
    ],
    response_only=True,
)


@extend_schema(tags=["integrations"], parameters=[ID])
class CredentialRotation(ItemMixin, APIView):
    versioned = True
    scopes = {"POST": WRITERS}

    @extend_schema(
        operation_id="integration_items_rotate",
        summary="Replace credentials once the new ones have proved themselves",
        description=(
            "A flat body of the fields that change. They are tested together with what stays as it is; 422, and nothing is "
            "stored, when the provider refuses them or cannot be asked. `untested` stores them all the same. The "
            f"credentials that were in use are kept, encrypted, and can be put back. {_WHO}"
        ),
        request=_ANY_ROTATION,
        responses=OpenApiResponse(ANY_ITEM, examples=item_examples()),
        examples=[OpenApiExample("A new token", value={"access_token": "EAA…"}, request_only=True)],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = self.own_or_writable()
        provider, values, _ = flat_body(request, ())
        untested = values.pop("untested", False)
        if not isinstance(untested, bool):
            raise InvalidInputError({"untested": ["Must be true or false."]})
        if provider is not None and provider != integration.provider:
            raise InvalidInputError({"provider": ["Replace the integration (PUT) to switch its provider."]})
        rotated = rotate_credentials(
            actor=self.actor,
            tenant=self.tenant,
            integration=integration,
            values=values,
            untested=untested,
            expected_version=expected_version(request),
        )
        return Response(self.answer(rotated))


@extend_schema(tags=["integrations"], parameters=[ID])
class CredentialVersionList(ItemMixin, APIView):
    scopes = {"GET": WRITERS}

    @extend_schema(
        operation_id="integration_items_versions",
        summary="Earlier credentials, newest first",
        description=f"As many as the site keeps; secrets are masked. {_WHO}",
        responses=CredentialVersionSerializer(many=True),
        examples=[_SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = self.own_or_writable()
        with tenant_scope(self.tenant):
            kept = list(CredentialVersion.objects.filter(tenant_id=self.tenant.id, integration_id=integration.id))
        return Response([self._shown(version) for version in kept])

    def _shown(self, version: CredentialVersion) -> dict[str, Any]:
        values = shown_config(version, hide_secrets=self.hide_secrets).values
        given = {name: value for name, value in values.items() if value is not None}
        return dict(
            CredentialVersionSerializer(
                {
                    "id": version.id,
                    "number": version.number,
                    "provider": version.provider,
                    "values": given,
                    "in_use_since": version.in_use_since,
                    "replaced_at": version.replaced_at,
                    "replaced_by_name": version.replaced_by_name,
                }
            ).data
        )


@extend_schema(tags=["integrations"], parameters=[ID, _VERSION])
class CredentialVersionRestore(ItemMixin, APIView):
    versioned = True
    scopes = {"POST": WRITERS}

    @extend_schema(
        operation_id="integration_items_restore",
        summary="Put earlier credentials back",
        description=f"Those in use become the newest earlier version. Nothing is tested: test it afterwards. {_WHO}",
        request=None,
        responses=OpenApiResponse(ANY_ITEM, examples=item_examples()),
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        restored = restore_version(
            actor=self.actor,
            integration=self.own_or_writable(),
            version_id=self.kwargs["version"],
            expected_version=expected_version(request),
        )
        return Response(self.answer(restored))
