"""A tenant's integrations by slot: `GET …/integrations` and `GET|POST|PUT|PATCH|DELETE …/integrations/{slot}`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.integration_bodies import flat_body, shown, shown_item
from integrations.api.integration_map_serializers import INTEGRATION_MAP, map_example
from integrations.api.integration_serializers import (
    ANY_INTEGRATION,
    ANY_INTEGRATION_WRITE,
    shown_examples,
    written_examples,
)
from integrations.api.preconditions import expected_version
from integrations.api.tenancy import TenantMixin
from integrations.isolation.scope import tenant_scope
from integrations.providers.registry import slots
from integrations.queries import integration_in_slot, integrations_by_slot, integrations_of
from integrations.services.integrations import (
    change_integration,
    create_integration,
    delete_integration,
    provider_for_slot,
    put_integration,
)
from integrations.statistics import statistics_of

_MOST_ITEMS = 1_000
_SLOT = OpenApiParameter("slot", str, OpenApiParameter.PATH, enum=slots(), description="What the integration is for.")


@extend_schema(tags=["integrations"])
class IntegrationMapView(TenantMixin, APIView):
    @extend_schema(
        operation_id="integrations_list",
        summary="All integrations of a tenant by slot",
        description=(
            "Every slot is there, null where it is empty; besides `items`, all integrations (at most 1,000; page through "
            "`integrations/items` beyond), and `statistics`. Secrets are masked."
        ),
        responses=OpenApiResponse(INTEGRATION_MAP, examples=[map_example()]),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rows = integrations_by_slot(self.tenant)
        with tenant_scope(self.tenant):
            everything = integrations_of(self.tenant.id)
            items = list(everything.order_by("slot", "id")[:_MOST_ITEMS])
            statistics = statistics_of(everything)
        return Response(
            {
                **{slot: shown(row, hide_secrets=self.hide_secrets) if row else None for slot, row in rows.items()},
                "items": [shown_item(row, hide_secrets=self.hide_secrets) for row in items],
                "statistics": statistics,
            }
        )


@extend_schema(tags=["integrations"])
class IntegrationSlotView(TenantMixin, APIView):
    versioned = True

    @extend_schema(
        operation_id="integrations_retrieve",
        summary="The integration in a slot",
        description="Secrets are masked. 404 for an empty slot.",
        parameters=[_SLOT],
        responses=OpenApiResponse(ANY_INTEGRATION, examples=shown_examples()),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(shown(integration_in_slot(self.tenant, self._slot), hide_secrets=self.hide_secrets))

    @extend_schema(
        operation_id="integrations_create",
        summary="Fill an empty slot",
        description="A flat body of the provider's fields. 409 when the slot is filled: use PUT or PATCH.",
        parameters=[_SLOT],
        request=ANY_INTEGRATION_WRITE,
        responses={201: ANY_INTEGRATION},
        examples=[*written_examples(), *shown_examples()],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        provider, values, envelope = flat_body(request)
        made = create_integration(
            actor=self.actor,
            tenant=self.tenant,
            provider=provider_for_slot(slot=self._slot, named=provider),
            values=values,
            **envelope,
        )
        return Response(shown(made), status=201)

    def address_of(self, object_id: str) -> str | None:
        return self.request.path

    @extend_schema(
        operation_id="integrations_replace",
        summary="Fill a slot, or replace what is in it",
        description=(
            "Public fields that are left out are cleared; secrets that are left out or blank are kept, null clears "
            "them. `enabled`, `name`, `description` and `metadata` stay as they are unless given. Another provider "
            "needs all its required fields; the integration keeps its id."
        ),
        parameters=[_SLOT],
        request=ANY_INTEGRATION_WRITE,
        responses={200: ANY_INTEGRATION, 201: ANY_INTEGRATION},
        examples=[*written_examples(), *shown_examples()],
    )
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        provider, values, envelope = flat_body(request)
        integration, is_new = put_integration(
            actor=self.actor,
            tenant=self.tenant,
            provider=provider_for_slot(slot=self._slot, named=provider),
            values=values,
            expected_version=expected_version(request),
            **envelope,
        )
        return Response(shown(integration), status=201 if is_new else 200)

    @extend_schema(
        operation_id="integrations_update",
        summary="Change some fields",
        description="What is left out stays as it is. A blank secret is kept; null clears a field that is optional.",
        parameters=[_SLOT],
        request=ANY_INTEGRATION_WRITE,
        responses=ANY_INTEGRATION,
        examples=[*written_examples(), *shown_examples()],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = integration_in_slot(self.tenant, self._slot)
        provider, values, envelope = flat_body(request)
        changed = change_integration(
            actor=self.actor,
            integration=integration,
            provider=None if provider is None else provider_for_slot(slot=self._slot, named=provider),
            values=values,
            expected_version=expected_version(request),
            **envelope,
        )
        return Response(shown(changed))

    @extend_schema(
        operation_id="integrations_delete",
        summary="Empty a slot",
        description="The integration is deleted with its secrets; webhooks that used it stay.",
        parameters=[_SLOT],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_integration(
            actor=self.actor,
            integration=integration_in_slot(self.tenant, self._slot),
            expected_version=expected_version(request),
        )
        return Response(status=204)

    @property
    def _slot(self) -> str:
        return str(self.kwargs["slot"])
