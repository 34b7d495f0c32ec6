"""`POST …/webhooks/{webhook}/enable`: what a person does when the endpoint is well again."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.scopes import Scope
from webhooks.api.examples import SHOWN
from webhooks.api.serializers import WebhookSerializer
from webhooks.api.webhooks import WebhookTenantMixin
from webhooks.services.webhooks import update_webhook

_WEBHOOK: Final = OpenApiParameter(
    "webhook", str, OpenApiParameter.PATH, description="The webhook's id or workflow_name."
)


class WebhookEnable(WebhookTenantMixin, APIView):
    scopes = {"POST": Scope.WEBHOOKS_WRITE}

    @extend_schema(
        tags=["webhooks"],
        operation_id="webhooks_enable",
        summary="Enable a webhook",
        description=(
            "Brings back what was held while it was disabled, closes its breaker and forgets since when there were only "
            "failures. A webhook that is enabled stays as it is. What failed before is sent again by `recover`."
        ),
        parameters=[_WEBHOOK],
        request=None,
        responses=WebhookSerializer,
        examples=[SHOWN],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        webhook = self.webhook()
        update_webhook(actor=self.actor, tenant=self.tenant, webhook_id=webhook.id, changes={"is_active": True})
        return Response(self.shown(webhook))
