"""Switching integrations on and off, handing them over, and which one a call uses."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.integration_item_serializers import ANY_ITEM, item_examples
from integrations.api.integration_items import ID, WRITERS, ItemMixin
from integrations.api.integration_map_serializers import STATISTICS, StatisticsSerializer
from integrations.api.preconditions import expected_version
from integrations.isolation.scope import tenant_scope
from integrations.models import Health
from integrations.providers.registry import slots
from integrations.resolution import Source, resolve_slot
from integrations.scopes import AnyOf, Scope
from integrations.services.integration_sharing import share_integration, unshare_integration
from integrations.statistics import statistics_of

_SLOT: Final = OpenApiParameter("slot", str, OpenApiParameter.PATH, enum=slots(), description="What it is for.")


class ResolvedSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField()
    integration = serializers.UUIDField(allow_null=True, help_text="Null for the platform's own.")
    name = serializers.CharField()
    health = serializers.ChoiceField(choices=Health.choices)

    def get_fields(self) -> dict[str, serializers.Field]:
        whose = "Whose credentials: the member's, the tenant's, the platform's."
        source = serializers.ChoiceField(choices=[source.value for source in Source], help_text=whose)
        return {"source": source, **super().get_fields()}


_RESOLVED: Final = OpenApiExample(
    "The tenant's own",
    value={
        "source": "tenant",
        "provider": "whatsapp",
        "integration": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10",
        "name": "WhatsApp",
        "health": "ok",
    },
    response_only=True,
)


@extend_schema(tags=["integrations"])
class IntegrationStatistics(ItemMixin, APIView):
    scopes = {"GET": Scope.INTEGRATIONS_READ}

    @extend_schema(
        operation_id="integration_statistics",
        summary="Count integrations",
        description="Of those that the credential may see. `active`, `inactive` and `error` make up the total.",
        responses=StatisticsSerializer,
        examples=[STATISTICS],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            return Response(statistics_of(self.rows()))


@extend_schema(tags=["integrations"], parameters=[_SLOT])
class ResolvedIntegration(ItemMixin, APIView):
    scopes = {"GET": AnyOf({Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_USE})}

    @extend_schema(
        operation_id="integration_resolved",
        summary="Which credentials a call uses",
        description=(
            "The member's own default in the slot, else the tenant's, else the platform's own where it has them; what is "
            "switched off is passed by. 404 where there is none."
        ),
        responses=ResolvedSerializer,
        examples=[_RESOLVED],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        resolved = resolve_slot(
            tenant=self.tenant,
            slot=self.kwargs["slot"],
            membership_id=self.membership.id if self.membership else None,
        )
        row = resolved.integration
        return Response(
            {
                "source": resolved.source.value,
                "provider": resolved.provider.key,
                "integration": str(row.id) if row else None,
                "name": row.name if row else resolved.provider.label,
                "health": row.health if row else Health.UNKNOWN.value,
            }
        )


class _Switch(ItemMixin, APIView):
    """A POST that changes one thing of an integration and answers with it."""

    versioned = True
    scopes = {"POST": WRITERS}


@extend_schema(tags=["integrations"], parameters=[ID])
class IntegrationActivation(_Switch):
    @extend_schema(
        operation_id="integration_items_activate",
        summary="Switch an integration on",
        request=None,
        responses=OpenApiResponse(ANY_ITEM, examples=item_examples()),
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer_switched(request, enabled=True)


@extend_schema(tags=["integrations"], parameters=[ID])
class IntegrationDeactivation(_Switch):
    @extend_schema(
        operation_id="integration_items_deactivate",
        summary="Switch an integration off",
        description="Nothing uses it any more: calls fall back to the tenant's, or to the platform's own.",
        request=None,
        responses=OpenApiResponse(ANY_ITEM, examples=item_examples()),
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer_switched(request, enabled=False)


@extend_schema(tags=["integrations"], parameters=[ID])
class IntegrationShare(_Switch):
    @extend_schema(
        operation_id="integration_items_share",
        summary="Hand a member's own integration to the tenant",
        description=(
            "With `integrations:write` it becomes the default of an empty slot; else it stands beside the tenant's "
            "default, or without one. 409 for one that is the tenant's already."
        ),
        request=None,
        responses=OpenApiResponse(ANY_ITEM, examples=item_examples()),
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        shared = share_integration(
            actor=self.actor,
            integration=self.own_or_writable(),
            may_fill_slot=self.access is None or self.access.allows(Scope.INTEGRATIONS_WRITE),
            expected_version=expected_version(request),
        )
        return Response(self.answer(shared))


@extend_schema(tags=["integrations"], parameters=[ID])
class IntegrationUnshare(_Switch):
    @extend_schema(
        operation_id="integration_items_unshare",
        summary="Give an integration back to who shared it",
        description=(
            "For the member who shared it (`integrations:use`), and for `integrations:write`. 409 where nobody shared it, "
            "or they left. To who does it with `integrations:write` for another member it is not there any more."
        ),
        request=None,
        responses=OpenApiResponse(ANY_ITEM, examples=item_examples()),
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = self.item()
        is_own = self.membership is not None and self.membership.id in {found.owner_id, found.former_owner_id}
        self.require(Scope.INTEGRATIONS_USE if is_own else Scope.INTEGRATIONS_WRITE)
        given_back = unshare_integration(
            actor=self.actor, integration=found, expected_version=expected_version(request)
        )
        return Response(self.answer(given_back))
