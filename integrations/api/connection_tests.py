"""Connection tests: `POST …/integrations/test` before saving, `POST …/integrations/{id}/test` of a stored one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.integration_bodies import ENVELOPE, flat_body
from integrations.api.integration_item_serializers import written_item_examples
from integrations.api.integration_items import ID, WRITERS, ItemMixin
from integrations.api.integration_serializers import WrittenEnvelope, one_of, written
from integrations.api.serializers import StrictSerializer
from integrations.api.tenancy import TenantMixin
from integrations.errors import InvalidInputError, NotFoundError
from integrations.models import Integration
from integrations.providers.outcome import result_choices
from integrations.providers.registry import all_providers, slots
from integrations.queries import integration_in_slot
from integrations.services.connection_tests import check_connection, check_values

# A form may be sent as it is: what says nothing about the connection is not looked at.
_BESIDES: Final = (*ENVELOPE, "is_default", "capabilities", "owner")
_SLOT: Final = OpenApiParameter(
    "slot", str, OpenApiParameter.PATH, enum=slots(), description="Whose default is tested."
)


class ConnectionTestRequest(StrictSerializer):
    """The body of a test of a stored integration; it may be left out."""

    force = serializers.BooleanField(default=False, help_text="Ask the provider even if the last test is fresh.")


class ConnectionTestResult(serializers.Serializer):
    success = serializers.BooleanField()
    result = serializers.ChoiceField(choices=result_choices(), help_text="The class of the outcome.")
    message = serializers.CharField(help_text="A sentence for a person, without secrets.")
    data = serializers.DictField(help_text="A few facts that the provider told, depending on it.")  # type: ignore[assignment]
    identity = serializers.CharField(help_text="Whom or what the credentials belong to; empty without success.")
    latency_ms = serializers.IntegerField(help_text="How long the provider took.")
    tested_at = serializers.DateTimeField()
    cached = serializers.BooleanField(help_text="This is the last test's result, less than 30 seconds old.")


class _TestEnvelope(WrittenEnvelope):
    integration = serializers.UUIDField(
        required=False, allow_null=True, help_text="Whose stored secrets count where they are left out or blank."
    )


ANY_TEST: Final = one_of(
    "ConnectionTest",
    [written(provider, base=_TestEnvelope, suffix="ConnectionTest", always_named=True) for provider in all_providers()],
)
_OUTCOMES: Final = [
    OpenApiExample(
        "It works",
        value={
            "success": True,
            "result": "ok",
            "message": "Connected as Acme (+1 650-555-1234).",
            "data": {"display_phone_number": "+1 650-555-1234", "verified_name": "Acme", "quality_rating": "GREEN"},
            "identity": "Acme (+1 650-555-1234)",
            "latency_ms": 212,
            "tested_at": "2026-11-20T10:00:00.123456Z",
            "cached": False,
        },
        response_only=True,
    ),
    OpenApiExample(
        "It does not",
        value={
            "success": False,
            "result": "bad_credentials",
            "message": "Meta does not accept the access token. Meta says: Invalid OAuth access token (code 190).",
            "data": {},
            "identity": "",
            "latency_ms": 148,
            "tested_at": "2026-11-20T10:00:00.123456Z",
            "cached": False,
        },
        response_only=True,
    ),
]
_FORCE: Final = OpenApiExample("Ask again", value={"force": True}, request_only=True)
_ABOUT: Final = (
    "Makes a cheap request to the provider that reads and changes nothing. Whatever comes of it is 200: `success` and "
    "`result` tell. At most 60 tests of a tenant in a minute. "
)
_RIGHTS: Final = "The tenant's need `integrations:write`; a member's own need `integrations:use`."


@extend_schema(tags=["integrations"])
class ConnectionTestOfValues(ItemMixin, APIView):
    scopes = {"POST": WRITERS}
    safe_to_repeat = True

    @extend_schema(
        operation_id="integrations_test_values",
        summary="Test a connection before saving",
        description=(
            f"{_ABOUT}A flat body as for adding one: `provider` and its fields. Nothing is stored. Secrets that are left "
            f"out or blank are taken from `integration`, which this request must be allowed to change. {_RIGHTS}"
        ),
        request=ANY_TEST,
        responses=ConnectionTestResult,
        examples=[*written_item_examples(), *_OUTCOMES],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        provider, values, _ = flat_body(request, _BESIDES)
        stored = self._stored(values.pop("integration", None))
        if not isinstance(provider, str):
            raise InvalidInputError({"provider": ["This field is required."]})
        report = check_values(
            actor=self.actor, tenant=self.tenant, provider=provider, values=values, integration=stored
        )
        return Response(asdict(report))

    def _stored(self, given: object) -> Integration | None:
        if given is None:
            return None
        try:
            found = self.item_with_id(UUID(str(given)))
        except ValueError:
            raise InvalidInputError({"integration": ["Must be the id of an integration."]}) from None
        except NotFoundError as error:
            raise InvalidInputError({"integration": [error.detail]}) from None
        self.require_writable(found)
        return found


@extend_schema(tags=["integrations"], parameters=[ID])
class ConnectionTestOfItem(ItemMixin, APIView):
    scopes = {"POST": WRITERS}
    safe_to_repeat = True

    @extend_schema(
        operation_id="integration_items_test",
        summary="Test a stored integration",
        description=f"{_ABOUT}The outcome is its health; a disabled one is tested too. {_RIGHTS}",
        request=ConnectionTestRequest,
        responses=ConnectionTestResult,
        examples=[_FORCE, *_OUTCOMES],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = self.own_or_writable()
        report = check_connection(actor=self.actor, integration=integration, force=_force(request))
        return Response(asdict(report))


@extend_schema(tags=["integrations"], parameters=[_SLOT])
class ConnectionTestOfSlot(TenantMixin, APIView):
    safe_to_repeat = True

    @extend_schema(
        operation_id="integrations_test",
        summary="Test the integration in a slot",
        description=f"{_ABOUT}The outcome is its health; a disabled one is tested too. 404 for an empty slot.",
        request=ConnectionTestRequest,
        responses=ConnectionTestResult,
        examples=[_FORCE, *_OUTCOMES],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = integration_in_slot(self.tenant, str(self.kwargs["slot"]))
        report = check_connection(actor=self.actor, integration=integration, force=_force(request))
        return Response(asdict(report))


def _force(request: Request) -> bool:
    given = ConnectionTestRequest(data=request.data)
    given.is_valid(raise_exception=True)
    return bool(given.validated_data["force"])
