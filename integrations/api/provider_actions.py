"""What can be done at a provider on request: `…/integrations/{id}/actions`, and `…/providers/{provider}/actions`.

The first uses the integration that the path names, the second whatever a call of this credential uses: the member's own,
the tenant's, the platform's own.
"""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.integration_items import ID, ItemMixin
from integrations.api.providers import ProviderActionSerializer
from integrations.providers.description import described_action
from integrations.providers.registry import provider_choices
from integrations.resolution import Resolved, Source
from integrations.scopes import AnyOf, Scope
from integrations.services.provider_actions import (
    ActionOutcome,
    named_action,
    offered_actions,
    resolve_actions,
    resolve_integration,
    run_integration_action,
    run_provider_action,
)

_READERS: Final = AnyOf({Scope.INTEGRATIONS_READ, Scope.INTEGRATIONS_USE})
_ACTION: Final = OpenApiParameter("action", str, OpenApiParameter.PATH, description="Its name.")
_PROVIDER: Final = OpenApiParameter(
    "provider", str, OpenApiParameter.PATH, enum=[key for key, _ in provider_choices()], description="Its key."
)
_BODY: Final = {"name": "Support", "webhook_url": "https://hooks.example.com/chatwoot"}
_USED: Final = {
    "source": "tenant",
    "provider": "chatwoot",
    "integration": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10",
}


class _UsedSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField()
    integration = serializers.UUIDField(allow_null=True, help_text="Null for the platform's own credentials.")

    def get_fields(self) -> dict[str, serializers.Field]:
        whose = "Whose credentials: the member's, the tenant's, the platform's."
        source = serializers.ChoiceField(choices=[source.value for source in Source], help_text=whose)
        return {"source": source, **super().get_fields()}


class OfferedActionSerializer(ProviderActionSerializer):
    enabled = serializers.BooleanField(help_text="Neither the action nor the integration is switched off.")


class ActionListSerializer(_UsedSerializer):
    actions = OfferedActionSerializer(many=True, help_text="Empty for a provider that has none.")


class ActionOutcomeSerializer(_UsedSerializer):
    action = serializers.CharField()
    answer = serializers.DictField(help_text="What the action's declaration names.")


_LISTED: Final = OpenApiExample(
    "One of them",
    value={
        **_USED,
        "actions": [
            {
                "name": "create_inbox",
                "label": "Create an inbox",
                "summary": "Creates an API inbox.",
                "repeatable": False,
                "parameters": [],
                "answer": {"inbox_id": "The inbox."},
                "enabled": True,
            }
        ],
    },
    response_only=True,
)
_ASKED: Final = OpenApiExample("An inbox", value=_BODY, request_only=True)
_DONE: Final = OpenApiExample(
    "Done", value={**_USED, "action": "create_inbox", "answer": {"inbox_id": 5}}, response_only=True
)
_ABOUT_RUNNING: Final = (
    "The body holds the action's parameters, which the list of actions describes; 422 names a wrong one before the provider "
    "is asked. What the provider itself refuses is 422, what a person has to set right (credentials, permissions) 409, and "
    "its limits and outages 502, each with `result`, the class of the outcome, and the provider's words. Two runs of one "
    "action with one integration do not meet: the second is 409. At most 120 runs of a tenant in a minute. Sent again with "
    "its idempotency key, it is answered as the first time and not done again."
)


class _ActionList(ItemMixin, APIView):
    scopes = {"GET": _READERS}

    def listed(self, resolved: Resolved) -> Response:
        offered = offered_actions(resolved)
        actions = [{**described_action(each.action), "enabled": each.is_enabled} for each in offered]
        return Response({**_used(resolved), "actions": actions})


class _ActionRun(ItemMixin, APIView):
    scopes = {"POST": Scope.INTEGRATIONS_USE}
    keeps_answers = True
    also_fails_with = frozenset({502})

    def require_scope_of(self, provider: str) -> None:
        """Raise PermissionDenied where the action needs another scope, NotFoundError where there is no such action."""
        self.require(Scope(named_action(provider, str(self.kwargs["action"])).scope))

    def done(self, outcome: ActionOutcome) -> Response:
        used = Resolved(outcome.source, outcome.provider, outcome.integration)
        return Response({**_used(used), "action": outcome.action.name, "answer": outcome.answer})


@extend_schema(tags=["integrations"], parameters=[ID])
class IntegrationActionList(_ActionList):
    @extend_schema(
        operation_id="integration_actions_list",
        summary="List what can be done with an integration",
        responses=ActionListSerializer,
        examples=[_LISTED],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.listed(resolve_integration(self.item()))


@extend_schema(tags=["integrations"], parameters=[ID, _ACTION])
class IntegrationActionRun(_ActionRun):
    @extend_schema(
        operation_id="integration_actions_run",
        summary="Do something with an integration",
        description=f"{_ABOUT_RUNNING} 409 for an integration, or an action of it, that is switched off.",
        request=OpenApiTypes.OBJECT,
        responses=ActionOutcomeSerializer,
        examples=[_ASKED, _DONE],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        integration = self.item()
        self.require_scope_of(integration.provider)
        return self.done(
            run_integration_action(
                actor=self.actor,
                tenant=self.tenant,
                integration=integration,
                action=str(self.kwargs["action"]),
                parameters=dict(request.data),
            )
        )


@extend_schema(tags=["providers"], parameters=[_PROVIDER])
class ProviderActionList(_ActionList):
    @extend_schema(
        operation_id="provider_actions_list",
        summary="List what can be done at a provider",
        description="With the member's own credentials, else the tenant's, else the platform's own; 404 without any.",
        responses=ActionListSerializer,
        examples=[_LISTED],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        member = self.membership.id if self.membership else None
        return self.listed(
            resolve_actions(tenant=self.tenant, provider=str(self.kwargs["provider"]), membership_id=member)
        )


@extend_schema(tags=["providers"], parameters=[_PROVIDER, _ACTION])
class ProviderActionRun(_ActionRun):
    @extend_schema(
        operation_id="provider_actions_run",
        summary="Do something at a provider",
        description=(
            "With the member's own credentials, else the tenant's, else the platform's own; 404 without any. With the "
            f"platform's own, an action touches nothing but what it made for this tenant. {_ABOUT_RUNNING}"
        ),
        request=OpenApiTypes.OBJECT,
        responses=ActionOutcomeSerializer,
        examples=[_ASKED, _DONE],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        provider = str(self.kwargs["provider"])
        self.require_scope_of(provider)
        return self.done(
            run_provider_action(
                actor=self.actor,
                tenant=self.tenant,
                provider=provider,
                action=str(self.kwargs["action"]),
                parameters=dict(request.data),
                membership_id=self.membership.id if self.membership else None,
            )
        )


def _used(resolved: Resolved) -> dict[str, Any]:
    row = resolved.integration
    return {
        "source": resolved.source.value,
        "provider": resolved.provider.key,
        "integration": str(row.id) if row else None,
    }
