"""Integrations by id: `/api/v1/integrations`, and for the platform `…/integrations/items`.

Who sees what: the platform everything; a member the tenant's integrations and their own; an API key the tenant's. To
everybody else an integration is not there. Members write their own with `integrations:use`; the tenant's need
`integrations:write`.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import generics, serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.activity.models import ActivityLog
from integrations.api.activity import ActivitySerializer
from integrations.api.integration_bodies import ENVELOPE, flat_body, shown_item
from integrations.api.integration_filters import IntegrationFilter
from integrations.api.integration_item_serializers import (
    ANY_ITEM,
    ANY_ITEM_CHANGE,
    ANY_ITEM_CREATE,
    ITEMS,
    LOGGED,
    item_examples,
    written_item_examples,
)
from integrations.api.member_access import MemberMixin
from integrations.api.parameters import read_parameters
from integrations.api.preconditions import expected_version
from integrations.api.serializers import StrictSerializer
from integrations.errors import InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, Membership
from integrations.platform_roles import may_view
from integrations.queries import integrations_of, visible_integrations
from integrations.scopes import AnyOf, Scope
from integrations.services.integration_items import add_integration
from integrations.services.integrations import (
    change_integration,
    delete_integration,
    provider_for_slot,
    replace_integration,
)

_ENVELOPE: Final = (*ENVELOPE, "is_default", "capabilities")
ID: Final = OpenApiParameter("integration", UUID, OpenApiParameter.PATH, description="Its id.")
WRITERS: Final = AnyOf({Scope.INTEGRATIONS_WRITE, Scope.INTEGRATIONS_USE})
_WHO_WRITES: Final = "The tenant's need `integrations:write`; a member's own need `integrations:use`."


class LogParameters(StrictSerializer):
    limit = serializers.IntegerField(default=50, min_value=1, max_value=200, help_text="The newest so many.")


class ItemMixin(MemberMixin):
    """Finds the integrations of a request by id, and knows which of them it may change."""

    def rows(self) -> Any:
        """Return the integrations that this request may see, to be read in the tenant's scope."""
        if self.access is None:
            return integrations_of(self.tenant.id)
        return visible_integrations(self.tenant.id, membership_id=self.membership.id if self.membership else None)

    def item(self) -> Integration:
        """Return the integration of the path. Raises NotFoundError, for one that is not to be seen as well."""
        return self.item_with_id(self.kwargs["integration"])

    def item_with_id(self, integration_id: UUID) -> Integration:
        """Return an integration that this request may see. Raises NotFoundError."""
        with tenant_scope(self.tenant):
            found: Integration | None = self.rows().filter(id=integration_id).first()
        if found is None:
            raise NotFoundError("There is no such integration.")
        return found

    def own_or_writable(self) -> Integration:
        """Return the integration of the path if this request may change it; 404 where it may not see it, else 403."""
        found = self.item()
        self.require_writable(found)
        return found

    def require_writable(self, found: Integration) -> None:
        """Raise PermissionDenied where this request may see an integration and not change it."""
        self.require(Scope.INTEGRATIONS_WRITE if found.owner_id is None else Scope.INTEGRATIONS_USE)

    def require(self, scope: Scope) -> None:
        if self.access is not None and not self.access.allows(scope):
            raise PermissionDenied(f"This credential lacks the scope {scope}.")

    def answer_switched(self, request: Request, *, enabled: bool) -> Response:
        """Switch the integration of the path on or off. Idempotent."""
        switched = change_integration(
            actor=self.actor,
            integration=self.own_or_writable(),
            values={},
            expected_version=expected_version(request),
            enabled=enabled,
        )
        return Response(self.answer(switched))

    def answer(self, integration: Integration) -> dict[str, Any]:
        return shown_item(integration, hide_secrets=self.hide_secrets)


@extend_schema(tags=["integrations"])
@extend_schema_view(
    get=extend_schema(
        operation_id="integration_items_list",
        summary="List integrations",
        description="By slot, then by age. The tenant's, and for a member their own; secrets are masked.",
        responses=ITEMS,
        examples=item_examples(),
    )
)
class IntegrationItems(ItemMixin, generics.ListAPIView[Integration]):
    scopes = {"GET": Scope.INTEGRATIONS_READ, "POST": WRITERS}
    queryset = Integration.objects.none()
    filterset_class = IntegrationFilter

    def get_queryset(self) -> Any:
        # The API's description is made without a request, and so without a tenant.
        return self.rows().order_by("slot", "id") if hasattr(self, "tenant") else self.queryset

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        request.member_id = self.membership.id if self.membership else None  # type: ignore[attr-defined]
        with tenant_scope(self.tenant):
            page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response([self.answer(integration) for integration in page])

    @extend_schema(
        operation_id="integration_items_create",
        summary="Add an integration",
        description=(
            "A flat body of the provider's fields. `owner` is `me` for a member's own, null for the tenant's. Without "
            "`is_default` it becomes the default of an empty slot, and one beside the default of any other; with true it "
            f"takes the slot. {_WHO_WRITES}"
        ),
        request=ANY_ITEM_CREATE,
        responses={201: ANY_ITEM},
        examples=[*written_item_examples(), *item_examples()],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        provider, values, envelope = flat_body(request, _ENVELOPE)
        owner = self._owner(values.pop("owner", None))
        self.require(Scope.INTEGRATIONS_WRITE if owner is None else Scope.INTEGRATIONS_USE)
        if not isinstance(provider, str):
            raise InvalidInputError({"provider": ["This field is required."]})
        made = add_integration(
            actor=self.actor, tenant=self.tenant, provider=provider, values=values, owner=owner, **envelope
        )
        return Response(self.answer(made), status=status.HTTP_201_CREATED)

    def _owner(self, given: object) -> Membership | None:
        if given is None:
            return None
        if given != "me":
            raise InvalidInputError({"owner": ["Must be me, or null for the whole tenant's."]})
        if self.membership is None:
            raise InvalidInputError({"owner": ["Only a member owns integrations: leave this out."]})
        return self.membership


@extend_schema(tags=["integrations"], parameters=[ID])
class IntegrationItem(ItemMixin, APIView):
    versioned = True
    scopes = {"GET": Scope.INTEGRATIONS_READ, "PUT": WRITERS, "PATCH": WRITERS, "DELETE": WRITERS}

    @extend_schema(
        operation_id="integration_items_retrieve",
        summary="Show an integration",
        description="Secrets are masked.",
        responses=OpenApiResponse(ANY_ITEM, examples=item_examples()),
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.answer(self.item()))

    @extend_schema(
        operation_id="integration_items_replace",
        summary="Replace an integration",
        description=(
            "Public fields that are left out are cleared; secrets that are left out or blank are kept, null clears "
            "them. `enabled`, `name`, `description`, `metadata`, `capabilities` and `is_default` stay as they are unless given. Another "
            f"provider of the slot needs all its required fields. {_WHO_WRITES}"
        ),
        request=ANY_ITEM_CHANGE,
        responses=ANY_ITEM,
        examples=[*written_item_examples(), *item_examples()],
    )
    def put(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = self.own_or_writable()
        provider, values, envelope = flat_body(request, _ENVELOPE)
        replaced = replace_integration(
            actor=self.actor,
            integration=integration,
            provider=provider_for_slot(slot=integration.slot, named=provider),
            values=values,
            expected_version=expected_version(request),
            **envelope,
        )
        return Response(self.answer(replaced))

    @extend_schema(
        operation_id="integration_items_change",
        summary="Change an integration",
        description=(
            "What is left out stays as it is. `is_default` true takes the slot from the default that is there; false is "
            f"refused for the default itself: make another one the default instead. `capabilities` switches those that it "
            f"names, and each action, on or off for this integration. {_WHO_WRITES}"
        ),
        request=ANY_ITEM_CHANGE,
        responses=ANY_ITEM,
        examples=[
            OpenApiExample("Make it the default", value={"is_default": True}, request_only=True),
            OpenApiExample("Switch an action off", value={"capabilities": {"provision": False}}, request_only=True),
            *item_examples(),
        ],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = self.own_or_writable()
        provider, values, envelope = flat_body(request, _ENVELOPE)
        changed = change_integration(
            actor=self.actor,
            integration=integration,
            provider=None if provider is None else provider_for_slot(slot=integration.slot, named=provider),
            values=values,
            expected_version=expected_version(request),
            **envelope,
        )
        return Response(self.answer(changed))

    @extend_schema(
        operation_id="integration_items_delete",
        summary="Delete an integration",
        description=f"With its secrets; webhooks that used it stay. No other one becomes the default. {_WHO_WRITES}",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_integration(
            actor=self.actor, integration=self.own_or_writable(), expected_version=expected_version(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["integrations"], parameters=[ID])
class IntegrationLogs(ItemMixin, APIView):
    scopes = {"GET": AnyOf({Scope.ACTIVITY_READ, Scope.INTEGRATIONS_USE})}

    @extend_schema(
        operation_id="integration_items_logs",
        summary="What was done to an integration, newest first",
        description="The tenant's need `activity:read`; a member's own need `integrations:use`.",
        parameters=[LogParameters],
        responses=ActivitySerializer(many=True),
        examples=[LOGGED],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = self.item()
        self.require(Scope.ACTIVITY_READ if integration.owner_id is None else Scope.INTEGRATIONS_USE)
        limit = read_parameters(request, LogParameters)["limit"]
        context = {"shows_addresses": self.access is None and may_view(request.user)}
        with tenant_scope(self.tenant):
            entries: Any = ActivityLog.objects.filter(tenant_id=self.tenant.id, object_id=integration.id)[:limit]
            return Response(ActivitySerializer(entries, many=True, context=context).data)
