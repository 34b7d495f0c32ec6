"""Recoveries: `POST …/webhooks/{webhook}/recover`, the jobs, and stopping one."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, OpenApiTypes, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.pagination import CursorByID
from integrations.api.tenancy import TenantMixin
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.scopes import Scope
from webhooks.api.deliveries_examples import RECOVER, RECOVERY, STOPPED
from webhooks.api.delivery_serializers import RecoverSerializer, RecoverySerializer
from webhooks.models import Recovery
from webhooks.queries import get_webhook
from webhooks.services.recovering import start_recovery, stop_recovery

_WEBHOOK: Final = OpenApiParameter(
    "webhook", str, OpenApiParameter.PATH, description="The webhook's id or workflow_name."
)
_RECOVERY: Final = OpenApiParameter("recovery", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")


@extend_schema(tags=["deliveries"])
class WebhookRecover(TenantMixin, APIView):
    scopes = {"POST": Scope.DELIVERIES_RETRY}

    @extend_schema(
        operation_id="webhooks_recover",
        summary="Send again what failed at a webhook",
        description=(
            "Starts a job in the background that goes through the deliveries accepted from `since` up to `until` and "
            "sends the failed ones again, oldest first, without holding up fresh ones. One recovery a webhook at a "
            "time: 409 otherwise, and for a disabled webhook."
        ),
        parameters=[_WEBHOOK],
        request=RecoverSerializer,
        responses={202: OpenApiResponse(RecoverySerializer, examples=[RECOVERY])},
        examples=[RECOVER],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = RecoverSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        webhook = get_webhook(self.tenant, self.kwargs["webhook"])
        recovery = start_recovery(actor=self.actor, tenant=self.tenant, webhook_id=webhook.id, **given.validated_data)
        return Response(RecoverySerializer(recovery).data, status=status.HTTP_202_ACCEPTED)

    def address_of(self, object_id: str) -> str | None:
        return f"{self.request.path.rpartition('/webhooks/')[0]}/recoveries/{object_id}"


@extend_schema(tags=["deliveries"])
class RecoveryList(TenantMixin, GenericAPIView[Recovery]):
    scopes = {"GET": Scope.DELIVERIES_READ}
    serializer_class = RecoverySerializer
    pagination_class = CursorByID
    filter_backends = ()

    @extend_schema(
        operation_id="recoveries_list",
        summary="List recoveries",
        description="Newest first, of all webhooks; those of a deleted webhook go with it.",
        responses=RecoverySerializer(many=True),
        examples=[RECOVERY],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            page = self.paginate_queryset(Recovery.objects.filter(tenant=self.tenant)) or []
            shown = RecoverySerializer(page, many=True).data
        return self.get_paginated_response(shown)


class _RecoveryMixin(TenantMixin):
    """For views whose path names one recovery."""

    def recovery_id(self) -> UUID:
        """Return the id in the path; NotFoundError (404) for a text that is none."""
        try:
            return UUID(self.kwargs["recovery"])
        except ValueError:
            raise NotFoundError("This tenant has no such recovery.") from None


@extend_schema(tags=["deliveries"], parameters=[_RECOVERY])
class RecoveryDetail(_RecoveryMixin, APIView):
    scopes = {"GET": Scope.DELIVERIES_READ}

    @extend_schema(
        operation_id="recoveries_retrieve",
        summary="Watch a recovery",
        responses=RecoverySerializer,
        examples=[RECOVERY],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            recovery = Recovery.objects.filter(tenant=self.tenant, id=self.recovery_id()).first()
        if recovery is None:
            raise NotFoundError("This tenant has no such recovery.")
        return Response(RecoverySerializer(recovery).data)


@extend_schema(tags=["deliveries"], parameters=[_RECOVERY])
class RecoveryStop(_RecoveryMixin, APIView):
    scopes = {"POST": Scope.DELIVERIES_RETRY}

    @extend_schema(
        operation_id="recoveries_stop",
        summary="Stop a recovery",
        description="It ends where it is; what it has put into the queue is sent. One that has ended stays as it is.",
        request=None,
        responses=RecoverySerializer,
        examples=[STOPPED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        recovery = stop_recovery(actor=self.actor, tenant=self.tenant, recovery_id=self.recovery_id())
        return Response(RecoverySerializer(recovery).data)
