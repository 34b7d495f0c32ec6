"""Messages: `POST …/messages`, the list, one of them with its text, settling one by hand."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, OpenApiTypes, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.idempotency import BODY_KEY_PARAMETER, REPLAY_HEADER, with_key
from integrations.api.member_access import MemberMixin
from integrations.api.pagination import CursorByID
from integrations.errors import InvalidInputError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.messaging.api.examples import LISTED, SEND, SENT, SETTLE, SETTLED, SHOWN, TEMPLATE
from integrations.messaging.api.parameters import MessageParameters
from integrations.messaging.api.serializers import (
    MessageBodySerializer,
    MessageDetailSerializer,
    MessageSerializer,
    SettleSerializer,
)
from integrations.messaging.models import Message
from integrations.messaging.queries import get_message, messages_of
from integrations.messaging.services.sending import send_message
from integrations.messaging.services.settling_by_hand import settle_by_hand
from integrations.messaging.visibility import is_visible, visible_messages
from integrations.scopes import Scope

_MESSAGE: Final = OpenApiParameter("message", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")


class _MessagesMixin(MemberMixin):
    """Knows which messages a request may see: the platform all, a member their own and the tenant's, a key the latter."""

    @property
    def membership_id(self) -> UUID | None:
        return self.membership.id if self.membership else None

    def message(self) -> Message:
        """Return the message of the path, inside of the scope. NotFoundError (404) for one that is not to be seen, too."""
        try:
            found = get_message(self.tenant, UUID(self.kwargs["message"]))
        except ValueError:
            raise NotFoundError("There is no such message.") from None
        if self.access is not None and not is_visible(found, membership_id=self.membership_id):
            raise NotFoundError("There is no such message.")
        return found


@extend_schema(tags=["messages"])
class MessageList(_MessagesMixin, GenericAPIView[Message]):
    scopes = {"GET": Scope.MESSAGES_READ, "POST": Scope.MESSAGES_SEND}
    safe_to_repeat = True  # the service remembers keys
    also_fails_with = frozenset({404})  # nothing is connected
    serializer_class = MessageSerializer
    pagination_class = CursorByID
    filter_backends = ()  # the parameters are read strictly

    @extend_schema(
        operation_id="messages_list",
        summary="List messages",
        description=(
            "Newest first, without what they say: that is shown with one message alone. A member also sees what their "
            "own integrations sent."
        ),
        parameters=[MessageParameters],
        responses=MessageSerializer(many=True),
        examples=[LISTED],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        wanted = MessageParameters.read(request)
        with tenant_scope(self.tenant):
            messages = messages_of(self.tenant.id, **wanted)
            if self.access is not None:
                messages = visible_messages(messages, membership_id=self.membership_id)
            page = self.paginate_queryset(messages) or []
        return self.get_paginated_response(MessageSerializer(page, many=True).data)

    @extend_schema(
        operation_id="messages_send",
        summary="Send a message",
        description=(
            "Stores the message and answers 202; the delivery engine sends it. Number, length and template are checked "
            "first, without a request to the provider. `integration` unless given: the member's own, the tenant's "
            "default of the channel, the platform's. 404 when nothing is connected, 403 for an inactive tenant. A "
            "message of which nobody can say whether the provider took it becomes `unknown`, and is never sent again by "
            "itself."
        ),
        parameters=[BODY_KEY_PARAMETER],
        request=MessageBodySerializer,
        responses={202: MessageSerializer},
        examples=[SEND, TEMPLATE, SENT],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = MessageBodySerializer(data=with_key(request))
        given.is_valid(raise_exception=True)
        body = dict(given.validated_data)
        named = body.pop("integration", None)
        try:
            message = send_message(self.tenant, integration_id=named, membership_id=self.membership_id, **body)
        except NotFoundError:
            if named is None:
                raise
            raise InvalidInputError({"integration": ["There is no such integration."]}) from None
        return Response(
            MessageSerializer(message).data,
            status=status.HTTP_202_ACCEPTED,
            headers={REPLAY_HEADER: "true"} if message.is_replay else None,
        )


@extend_schema(tags=["messages"], parameters=[_MESSAGE])
class MessageDetail(_MessagesMixin, APIView):
    scopes = {"GET": Scope.MESSAGES_READ}

    @extend_schema(
        operation_id="messages_retrieve",
        summary="Show a message with its text",
        description=(
            "`content` says whether text or template are still `stored`, or `removed` after `MESSAGE_CONTENT_DAYS`. "
            "Auditors of the platform get `hidden`: one-time codes are sent this way."
        ),
        responses=MessageDetailSerializer,
        examples=[SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            shown = MessageDetailSerializer(self.message(), context={"hide_content": self.hide_secrets}).data
        return Response(shown)


@extend_schema(tags=["messages"], parameters=[_MESSAGE])
class MessageSettle(_MessagesMixin, APIView):
    scopes = {"POST": Scope.MESSAGES_SEND}

    @extend_schema(
        operation_id="messages_settle",
        summary="Settle a message that is unknown",
        description=(
            "Says what became of it, for a message that no callback of the provider settles: look it up there first. The "
            "tenant's event `message.sent`, `.delivered` or `.failed` follows. 409 for a message that is not (any more) "
            "`unknown`. To try again, send another one."
        ),
        request=SettleSerializer,
        responses=OpenApiResponse(MessageSerializer, examples=[SETTLED]),
        examples=[SETTLE],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = SettleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        with tenant_scope(self.tenant):
            found = self.message()
            settled = settle_by_hand(actor=self.actor, tenant=self.tenant, message_id=found.pk, **given.validated_data)
        return Response(MessageSerializer(settled).data)
