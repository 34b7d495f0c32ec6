"""`…/redaction-rules`: what of a tenant's payloads is hidden and not kept once it was delivered."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.preconditions import expected_version
from integrations.api.serializers import StrictSerializer
from integrations.api.tenancy import TenantMixin
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.scopes import Scope
from webhooks.models import RedactionRule
from webhooks.services.redaction_rules import create_redaction_rule, delete_redaction_rule, update_redaction_rule

_RULE: Final = OpenApiParameter("redaction_rule", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_WRITTEN: Final = {"event_type": "order.*", "paths": ["$.customer.email", "$.items[*].card", "$..password"]}
_WRITE: Final = OpenApiExample("A rule", value=_WRITTEN, request_only=True)
_SHOWN: Final = OpenApiExample(
    "A rule",
    value={
        "id": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10",
        **_WRITTEN,
        "version": 1,
        "created_at": "2026-11-20T10:00:00Z",
        "created_by": "checkout key",
        "changed_at": "2026-11-20T10:00:00Z",
    },
    response_only=True,
)


class RedactionRuleWriteSerializer(StrictSerializer):
    event_type = serializers.CharField(
        max_length=128, help_text="A type such as `order.paid`, `order.*` for all below, `*` for everything."
    )
    paths = serializers.ListField(
        child=serializers.CharField(max_length=200),
        max_length=50,
        help_text="JSONPaths (RFC 9535) without filters; what they find is replaced by `***`.",
    )


class RedactionRuleSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    event_type = serializers.CharField()
    paths = serializers.ListField(child=serializers.CharField())
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField(source="created_by_name")
    changed_at = serializers.DateTimeField()


class _RuleMixin(TenantMixin):
    def rules(self) -> QuerySet[RedactionRule]:
        return RedactionRule.objects.filter(tenant_id=self.tenant.id).order_by("event_type")

    def rule_id(self) -> UUID:
        """Return the id in the path; NotFoundError (404) for a text that is none."""
        try:
            return UUID(self.kwargs["redaction_rule"])
        except ValueError:
            raise NotFoundError("This tenant has no such redaction rule.") from None


@extend_schema(tags=["webhooks"])
class RedactionRuleList(_RuleMixin, generics.GenericAPIView[RedactionRule]):
    scopes = {"GET": Scope.WEBHOOKS_READ, "POST": Scope.WEBHOOKS_WRITE}
    serializer_class = RedactionRuleSerializer
    filter_backends = ()

    @extend_schema(
        operation_id="redaction_rules_list",
        summary="List redaction rules",
        description="By event type.",
        responses=RedactionRuleSerializer(many=True),
        examples=[_SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            page = self.paginate_queryset(self.rules()) or []
            shown = RedactionRuleSerializer(page, many=True).data
        return self.get_paginated_response(shown)

    @extend_schema(
        operation_id="redaction_rules_create",
        summary="Create a redaction rule",
        description=(
            "Hides the paths wherever payloads of these events are shown, at once and for earlier events too. They are "
            "sent whole. When the last delivery of an event has ended they are taken out of the stored payload; such "
            "an event cannot be sent again (409)."
        ),
        request=RedactionRuleWriteSerializer,
        responses={201: RedactionRuleSerializer},
        examples=[_WRITE, _SHOWN],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = RedactionRuleWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        rule = create_redaction_rule(actor=self.actor, tenant=self.tenant, **given.validated_data)
        return Response(RedactionRuleSerializer(rule).data, status=status.HTTP_201_CREATED)


@extend_schema(tags=["webhooks"], parameters=[_RULE])
class RedactionRuleDetail(_RuleMixin, APIView):
    versioned = True
    scopes = {"GET": Scope.WEBHOOKS_READ, "PATCH": Scope.WEBHOOKS_WRITE, "DELETE": Scope.WEBHOOKS_WRITE}

    @extend_schema(
        operation_id="redaction_rules_retrieve",
        summary="Show a redaction rule",
        responses=RedactionRuleSerializer,
        examples=[_SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            rule = self.rules().filter(id=self.rule_id()).first()
        if rule is None:
            raise NotFoundError("This tenant has no such redaction rule.")
        return Response(RedactionRuleSerializer(rule).data)

    @extend_schema(
        operation_id="redaction_rules_change",
        summary="Change a redaction rule",
        description="What is left out stays as it is. What was taken out of stored payloads does not come back.",
        request=RedactionRuleWriteSerializer,
        responses=RedactionRuleSerializer,
        examples=[_WRITE, _SHOWN],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = RedactionRuleWriteSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        rule = update_redaction_rule(
            actor=self.actor,
            tenant=self.tenant,
            rule_id=self.rule_id(),
            changes=given.validated_data,
            expected_version=expected_version(request),
        )
        return Response(RedactionRuleSerializer(rule).data)

    @extend_schema(
        operation_id="redaction_rules_delete",
        summary="Delete a redaction rule",
        description="Its paths are hidden no more. What was taken out of stored payloads does not come back.",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_redaction_rule(
            actor=self.actor, tenant=self.tenant, rule_id=self.rule_id(), expected_version=expected_version(request)
        )
        return Response(status=status.HTTP_204_NO_CONTENT)
