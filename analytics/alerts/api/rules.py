"""`…/alert-rules`: what is watched. A tenant sees the platform's rules beside its own, and may mute them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError
from rest_framework.views import APIView

from analytics.alerts.api.examples import CHANGE_RULE, CREATE_RULE, MUTE_RULE, RULE
from analytics.alerts.api.owners import OfPlatform, OfTenant, OwnerMixin
from analytics.alerts.api.serializers import (
    RuleChangeSerializer,
    RuleSerializer,
    RuleWriteSerializer,
    TenantRuleChangeSerializer,
)
from analytics.alerts.models import AlertRule
from analytics.alerts.queries import get_rule, muted_rules, platform_rules_for_tenants, rules_of
from analytics.alerts.services.rules import create_rule, delete_rule, mute_rule, update_rule
from integrations.api.parameters import read_parameters
from integrations.api.serializers import StrictSerializer
from integrations.errors import NotFoundError
from integrations.scopes import Scope

_RULE: Final = OpenApiParameter("rule", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")


class _RulesView(OwnerMixin, APIView):
    def shown(self, rules: list[AlertRule]) -> list[dict[str, Any]]:
        muted = muted_rules(self.owner.id) if self.owner is not None else set()
        return list(RuleSerializer(rules, many=True, context={"muted": muted}).data)

    def platforms(self, rule_id: UUID) -> AlertRule | None:
        """Return a rule of the platform that a tenant may mute; None where the id is another's, or nobody's."""
        if self.owner is None:
            return None
        return next(iter(platform_rules_for_tenants([rule_id])), None)


class _RuleList(_RulesView):
    @extend_schema(
        summary="List alert rules",
        description="An owner has at most 50, so all of them are answered. A tenant's list ends with the platform's rules.",
        responses=RuleSerializer(many=True),
        examples=[RULE],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        read_parameters(request, StrictSerializer)
        with self.scope():
            rules = list(rules_of(self.owner_id))
        if self.owner is not None:
            rules += platform_rules_for_tenants()
        return Response(self.shown(rules))

    @extend_schema(
        summary="Create an alert rule",
        request=RuleWriteSerializer,
        responses={201: RuleSerializer},
        examples=[CREATE_RULE, RULE],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = RuleWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        rule = create_rule(actor=self.actor, tenant=self.owner, **given.validated_data)
        return Response(self.shown([rule])[0], status=status.HTTP_201_CREATED)


class _RuleDetail(_RulesView):
    changes: type[StrictSerializer] = RuleChangeSerializer

    @extend_schema(summary="Show an alert rule", responses=RuleSerializer, examples=[RULE])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule_id = self.kwargs["rule"]
        rule = self.platforms(rule_id)
        if rule is None:
            with self.scope():
                rule = get_rule(self.owner_id, rule_id)
        return Response(self.shown([rule])[0])

    def change(self, request: Request) -> Response:
        given = self.changes(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        rule_id, changes = self.kwargs["rule"], dict(given.validated_data)
        if self.owner is not None and self.platforms(rule_id) is not None:
            rule = self._mute(rule_id, changes)
        elif "muted" in changes:
            with self.scope():
                get_rule(self.owner_id, rule_id)
            raise ValidationError({"muted": ["This rule is your own: switch it off with `enabled` instead."]})
        else:
            rule = update_rule(actor=self.actor, tenant=self.owner, rule_id=rule_id, changes=changes)
        return Response(self.shown([rule])[0])

    @extend_schema(
        summary="Delete an alert rule",
        description="Its alerts stay as history. A default rule of the platform answers 409: switch it off instead.",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_rule(actor=self.actor, tenant=self.owner, rule_id=self.kwargs["rule"])
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _mute(self, rule_id: UUID, changes: dict[str, Any]) -> AlertRule:
        refused = {name: ["This rule is the platform's: you may only mute it."] for name in changes if name != "muted"}
        if refused:
            raise ValidationError(refused)
        rule = self.platforms(rule_id)
        if self.owner is None or rule is None:
            raise NotFoundError("There is no such alert rule.")
        if "muted" in changes:
            return mute_rule(actor=self.actor, tenant=self.owner, rule_id=rule_id, muted=changes["muted"])
        return rule


@extend_schema(tags=["alerts"])
class RuleList(OfTenant, _RuleList):
    scopes = {"GET": Scope.ALERTS_READ, "POST": Scope.ALERTS_WRITE}


@extend_schema(tags=["alerts"])
@extend_schema_view(
    get=extend_schema(summary="List the platform's alert rules"),
    post=extend_schema(summary="Create an alert rule of the platform"),
)
class PlatformRuleList(OfPlatform, _RuleList):
    pass


@extend_schema(tags=["alerts"], parameters=[_RULE])
class RuleDetail(OfTenant, _RuleDetail):
    scopes = {"GET": Scope.ALERTS_READ, "PATCH": Scope.ALERTS_WRITE, "DELETE": Scope.ALERTS_WRITE}
    changes = TenantRuleChangeSerializer

    @extend_schema(
        summary="Change an alert rule, or mute one of the platform",
        request=TenantRuleChangeSerializer,
        responses=RuleSerializer,
        examples=[CHANGE_RULE, MUTE_RULE, RULE],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.change(request)


@extend_schema(tags=["alerts"], parameters=[_RULE])
@extend_schema_view(
    get=extend_schema(summary="Show an alert rule of the platform"),
    delete=extend_schema(summary="Delete an alert rule of the platform"),
)
class PlatformRuleDetail(OfPlatform, _RuleDetail):
    @extend_schema(
        summary="Change an alert rule of the platform",
        request=RuleChangeSerializer,
        responses=RuleSerializer,
        examples=[CHANGE_RULE, RULE],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.change(request)
