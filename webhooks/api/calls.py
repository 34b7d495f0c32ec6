"""Sending to webhooks that are named: `POST …/webhooks/{webhook}/call` and `POST …/webhooks/broadcast`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.idempotency import BODY_KEY_PARAMETER
from integrations.scopes import Scope
from webhooks.api.sending import WAIT_PARAMETERS, SendingMixin, answered, only_result, results_by_name
from webhooks.api.sending_examples import ACCEPTED, CALL, CALL_UNDER_WAY, CALLED, PUBLISH_UNDER_WAY, PUBLISHED
from webhooks.api.sending_serializers import CallBodySerializer, CalledSerializer, PublishedSerializer
from webhooks.services.audience import everyone, named

_WEBHOOK = OpenApiParameter("webhook", str, OpenApiParameter.PATH, description="The webhook's id or workflow_name.")


class WebhookCallView(SendingMixin, APIView):
    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(
        tags=["webhooks"],
        operation_id="webhooks_call",
        summary="Call a webhook",
        description=(
            "Stores the payload and answers 202; it is then delivered on the webhook's schedule. With `wait=true` the "
            "answer holds the result: 200 when the delivery is over, 202 with `success` null when it takes longer. "
            "409 for a webhook that is disabled or has no address, 403 for an inactive tenant."
        ),
        parameters=[_WEBHOOK, *WAIT_PARAMETERS, BODY_KEY_PARAMETER],
        request=CallBodySerializer,
        responses={200: CalledSerializer, 202: CalledSerializer},
        examples=[CALL, ACCEPTED, CALLED, CALL_UNDER_WAY],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = CallBodySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        sent = self.sent(request, given.validated_data, choose=named(self.kwargs["webhook"]))
        return answered(request, sent, only_result)


class BroadcastView(SendingMixin, APIView):
    scopes = {"POST": Scope.EVENTS_WRITE}

    @extend_schema(
        tags=["webhooks"],
        operation_id="webhooks_broadcast",
        summary="Call all webhooks",
        description=(
            "Sends one payload to every active webhook of the tenant, whatever its `event_types`. Disabled ones are "
            "left out. 403 for an inactive tenant."
        ),
        parameters=[*WAIT_PARAMETERS, BODY_KEY_PARAMETER],
        request=CallBodySerializer,
        responses={200: PublishedSerializer, 202: PublishedSerializer},
        examples=[CALL, ACCEPTED, PUBLISHED, PUBLISH_UNDER_WAY],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = CallBodySerializer(data=request.data)
        given.is_valid(raise_exception=True)
        sent = self.sent(request, given.validated_data, choose=everyone)
        return answered(request, sent, results_by_name)
