"""`…/receivers`: where external systems deliver their webhooks, and what of them was let in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.preconditions import expected_version
from integrations.api.tenancy import TenantMixin
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.providers.registry import get_receiving
from integrations.scopes import Scope
from webhooks.api.receiver_examples import CHANGE, CREATE, CREATED, CUSTOM, ROTATE, ROTATED, SHOWN
from webhooks.api.receiver_serializers import (
    ReceiverChangeSerializer,
    ReceiverMadeSerializer,
    ReceiverSerializer,
    ReceiverWriteSerializer,
    RotateReceiverSerializer,
)
from webhooks.models import InboundOutcome, Receiver, ReceiverCount
from webhooks.services.receivers import create_receiver, delete_receiver, rotate_receiver_secret, update_receiver

_RECEIVER: Final = OpenApiParameter("receiver", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_NEVER_STORED: Final = {"Cache-Control": "no-store"}
COUNTED: Final = timedelta(days=30)


class ReceiverMixin(TenantMixin):
    """What the views of receivers share: finding one, and showing it with its counts."""

    def receiver_id(self) -> UUID:
        """Return the id in the path; NotFoundError (404) for a text that is none."""
        try:
            return UUID(self.kwargs["receiver"])
        except ValueError:
            raise NotFoundError("This tenant has no such receiver.") from None

    def receivers(self) -> QuerySet[Receiver]:
        return Receiver.objects.filter(tenant_id=self.tenant.id).order_by("name", "id")

    def shown(self, receiver_id: UUID) -> dict[str, Any]:
        """Return the answer for a receiver as it is stored now; NotFoundError (404)."""
        with tenant_scope(self.tenant):
            receiver = self.receivers().filter(id=receiver_id).first()
            if receiver is None:
                raise NotFoundError("This tenant has no such receiver.")
            return dict(ReceiverSerializer(receiver, context={"counts": counts_of([receiver])}).data)

    def with_secrets(self, receiver: Receiver) -> dict[str, Any]:
        """Return the answer that shows what a person enters at the sender, this one time."""
        receiving = get_receiving(receiver.provider)
        token = receiver.verify_token
        return {
            **self.shown(receiver.id),
            "secret": receiver.secret.reveal(),
            "verify_token": token.reveal() if token is not None else None,
            "setup": receiving.setup,
        }


def counts_of(receivers: Sequence[Receiver]) -> dict[UUID, dict[str, int]]:
    """Return how many requests of the last 30 days had which outcome, by receiver. One query, inside the scope."""
    counts: dict[UUID, dict[str, int]] = {
        receiver.id: dict.fromkeys(InboundOutcome.values, 0) for receiver in receivers
    }
    rows = ReceiverCount.objects.filter(receiver__in=receivers, hour__gte=timezone.now() - COUNTED)
    for receiver_id, outcome, requests in (
        rows.values("receiver_id", "outcome").annotate(sum=Sum("requests")).values_list("receiver_id", "outcome", "sum")
    ):
        counts[receiver_id][outcome] = requests
    return counts


@extend_schema(tags=["receivers"])
class ReceiverList(ReceiverMixin, generics.GenericAPIView[Receiver]):
    scopes = {"GET": Scope.WEBHOOKS_READ, "POST": Scope.WEBHOOKS_WRITE}
    serializer_class = ReceiverSerializer
    filter_backends = ()

    @extend_schema(
        operation_id="receivers_list",
        summary="List receivers",
        description="By name, with the counts of the last 30 days.",
        responses=ReceiverSerializer(many=True),
        examples=[SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            page = self.paginate_queryset(self.receivers()) or []
            shown = ReceiverSerializer(page, many=True, context={"counts": counts_of(page)}).data
        return self.get_paginated_response(shown)

    @extend_schema(
        operation_id="receivers_create",
        summary="Create a receiver",
        description=(
            "Gives an external system an address at which to deliver. The answer shows the secret, the verify token "
            "where the provider asks for one, and what to do at the provider, this one time."
        ),
        request=ReceiverWriteSerializer,
        responses={201: ReceiverMadeSerializer},
        examples=[CREATE, CUSTOM, CREATED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = ReceiverWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        receiver = create_receiver(actor=self.actor, tenant=self.tenant, **given.validated_data)
        return Response(self.with_secrets(receiver), status=status.HTTP_201_CREATED, headers=_NEVER_STORED)


@extend_schema(tags=["receivers"], parameters=[_RECEIVER])
class ReceiverDetail(ReceiverMixin, APIView):
    versioned = True
    scopes = {"GET": Scope.WEBHOOKS_READ, "PATCH": Scope.WEBHOOKS_WRITE, "DELETE": Scope.WEBHOOKS_WRITE}

    @extend_schema(
        operation_id="receivers_retrieve",
        summary="Show a receiver",
        responses=ReceiverSerializer,
        examples=[SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.shown(self.receiver_id()))

    @extend_schema(
        operation_id="receivers_change",
        summary="Change a receiver",
        description="What is left out stays as it is. The provider cannot be changed, and the secret is rotated.",
        request=ReceiverChangeSerializer,
        responses=ReceiverSerializer,
        examples=[CHANGE, SHOWN],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = ReceiverChangeSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        receiver = update_receiver(
            actor=self.actor,
            tenant=self.tenant,
            receiver_id=self.receiver_id(),
            changes=given.validated_data,
            expected_version=expected_version(request),
        )
        return Response(self.shown(receiver.id))

    @extend_schema(
        operation_id="receivers_delete",
        summary="Delete a receiver",
        description="Its address answers 404 from then on. Events that it published stay.",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_receiver(
            actor=self.actor,
            tenant=self.tenant,
            receiver_id=self.receiver_id(),
            expected_version=expected_version(request),
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["receivers"], parameters=[_RECEIVER])
class ReceiverRotation(ReceiverMixin, APIView):
    scopes = {"POST": Scope.WEBHOOKS_WRITE}

    @extend_schema(
        operation_id="receivers_secret_rotate",
        summary="Rotate a receiver's secret",
        description=(
            "The one before proves the sender as well for 24 hours. Without a body a new one is made, where the "
            "provider takes ours; otherwise give the provider's new one."
        ),
        request=RotateReceiverSerializer,
        responses=ReceiverMadeSerializer,
        examples=[ROTATE, ROTATED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = RotateReceiverSerializer(data=request.data or {})
        given.is_valid(raise_exception=True)
        receiver = rotate_receiver_secret(
            actor=self.actor, tenant=self.tenant, receiver_id=self.receiver_id(), **given.validated_data
        )
        return Response(self.with_secrets(receiver), headers=_NEVER_STORED)
