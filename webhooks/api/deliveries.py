"""Deliveries after the fact: `GET …/deliveries`, one with all its attempts, sending one again, cancelling one."""

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
from webhooks.api.deliveries_examples import ATTEMPTS, LISTED
from webhooks.api.delivery_parameters import DeliveryParameters
from webhooks.api.delivery_serializers import DeliveryDetailSerializer, DeliverySerializer
from webhooks.delivery_queries import DeliveryFilter, deliveries_of, delivery_detail, described
from webhooks.models import Delivery
from webhooks.queries import get_webhook
from webhooks.services.cancelling import cancel_delivery
from webhooks.services.retrying import retry_delivery

_DELIVERY: Final = OpenApiParameter("delivery", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")


class DeliveryList(TenantMixin, GenericAPIView[Delivery]):
    scopes = {"GET": Scope.DELIVERIES_READ}
    serializer_class = DeliverySerializer
    pagination_class = CursorByID
    filter_backends = ()  # the parameters are read below, strictly

    @extend_schema(
        tags=["deliveries"],
        operation_id="deliveries_list",
        summary="List deliveries",
        description=(
            "Newest first. With `state` or `event_type` and without `from` the last 7 days are searched: a rare state "
            "must not mean reading all of history."
        ),
        parameters=[DeliveryParameters],
        responses=DeliverySerializer(many=True),
        examples=[LISTED],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = DeliveryParameters.read(request)
        reference = given.pop("webhook", None)
        webhook_id = None if reference is None else get_webhook(self.tenant, reference).id
        wanted = DeliveryFilter(webhook_id=webhook_id, **given)
        with tenant_scope(self.tenant):
            page = self.paginate_queryset(deliveries_of(self.tenant.id, wanted)) or []
            rows = described(self.tenant.id, page)
        return self.get_paginated_response(DeliverySerializer(rows, many=True).data)


class _DeliveryMixin(TenantMixin):
    """For views whose path names one delivery."""

    def delivery_id(self) -> UUID:
        """Return the id in the path; NotFoundError (404) for a text that is none."""
        try:
            return UUID(self.kwargs["delivery"])
        except ValueError:
            raise NotFoundError("This tenant has no such delivery.") from None

    def shown(self) -> Response:
        """Answer with the delivery as it is now, and its attempts."""
        with tenant_scope(self.tenant):
            detail = delivery_detail(self.tenant.id, self.delivery_id())
        return Response(DeliveryDetailSerializer(detail).data)


@extend_schema(tags=["deliveries"], parameters=[_DELIVERY])
class DeliveryDetail(_DeliveryMixin, APIView):
    scopes = {"GET": Scope.DELIVERIES_READ}

    @extend_schema(
        operation_id="deliveries_retrieve",
        summary="Show a delivery with all its attempts",
        description="Attempts of all runs, oldest first; `next_attempt_at` says when the next one is due.",
        responses=DeliveryDetailSerializer,
        examples=[ATTEMPTS],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.shown()


@extend_schema(tags=["deliveries"], parameters=[_DELIVERY])
class DeliveryRetry(_DeliveryMixin, APIView):
    scopes = {"POST": Scope.DELIVERIES_RETRY}

    @extend_schema(
        operation_id="deliveries_retry",
        summary="Send a delivery again",
        description=(
            "A delivery that has ended begins a new run with the same `webhook-id`, also one that succeeded; one that "
            "waits for its next attempt is sent now. 409 while it is on the wire or held, when its webhook is disabled "
            "or deleted, or when its payload is gone."
        ),
        request=None,
        responses={202: OpenApiResponse(DeliveryDetailSerializer, examples=[ATTEMPTS])},
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        retry_delivery(actor=self.actor, tenant=self.tenant, delivery_id=self.delivery_id())
        answer = self.shown()
        answer.status_code = status.HTTP_202_ACCEPTED
        return answer


@extend_schema(tags=["deliveries"], parameters=[_DELIVERY])
class DeliveryCancel(_DeliveryMixin, APIView):
    scopes = {"POST": Scope.DELIVERIES_RETRY}

    @extend_schema(
        operation_id="deliveries_cancel",
        summary="Cancel a delivery",
        description=(
            "One that waits or is held ends as `cancelled`. What is on the wire at this moment arrives all the same; "
            "nothing is tried after it. 409 for one that succeeded or failed."
        ),
        request=None,
        responses=DeliveryDetailSerializer,
        examples=[ATTEMPTS],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        cancel_delivery(actor=self.actor, tenant=self.tenant, delivery_id=self.delivery_id())
        return self.shown()
