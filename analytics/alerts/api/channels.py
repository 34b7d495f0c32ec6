"""`…/alert-channels`: where alerts are told."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.alerts.api.examples import (
    CHANGE_CHANNEL,
    CHANNEL,
    CREATE_CHANNEL,
    CREATE_WEBHOOK,
    MADE_CHANNEL,
    TESTED,
)
from analytics.alerts.api.owners import OfPlatform, OfTenant, OwnerMixin
from analytics.alerts.api.serializers import (
    ChannelChangeSerializer,
    ChannelSerializer,
    ChannelWriteSerializer,
)
from analytics.alerts.models import AlertChannel
from analytics.alerts.queries import channels_of, get_channel
from analytics.alerts.services.channels import create_channel, delete_channel, try_channel, update_channel
from integrations.api.parameters import read_parameters
from integrations.api.serializers import StrictSerializer
from integrations.scopes import Scope

_CHANNEL: Final = OpenApiParameter("channel", OpenApiTypes.UUID, OpenApiParameter.PATH, description="Its id.")
_NEVER_STORED: Final = {"Cache-Control": "no-store"}


class _ChannelsView(OwnerMixin, APIView):
    def shown(self, channels: list[AlertChannel]) -> list[dict[str, Any]]:
        return list(ChannelSerializer(channels, many=True, context={"hide_secrets": self.hide_secrets}).data)


class _ChannelList(_ChannelsView):
    @extend_schema(
        summary="List alert channels",
        description="An owner has at most 20, so all of them are answered.",
        responses=ChannelSerializer(many=True),
        examples=[CHANNEL],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        read_parameters(request, StrictSerializer)
        with self.scope():
            return Response(self.shown(list(channels_of(self.owner_id))))

    @extend_schema(
        summary="Create an alert channel",
        description="The answer shows the secret of a signed webhook whole, this one time.",
        request=ChannelWriteSerializer,
        responses={201: ChannelSerializer},
        examples=[CREATE_CHANNEL, CREATE_WEBHOOK, MADE_CHANNEL],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = ChannelWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        channel = create_channel(actor=self.actor, tenant=self.owner, **given.validated_data)
        with self.scope():
            [shown] = self.shown([channel])
            if channel.secret is not None:
                shown["secret"] = channel.secret.reveal()
        return Response(shown, status=status.HTTP_201_CREATED, headers=_NEVER_STORED)


class _ChannelDetail(_ChannelsView):
    @extend_schema(summary="Show an alert channel", responses=ChannelSerializer, examples=[CHANNEL])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with self.scope():
            return Response(self.shown([get_channel(self.owner_id, self.kwargs["channel"])])[0])

    @extend_schema(
        summary="Change an alert channel",
        description="What is left out stays as it is, a blank secret too. The kind cannot be changed.",
        request=ChannelChangeSerializer,
        responses=ChannelSerializer,
        examples=[CHANGE_CHANNEL, CHANNEL],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = ChannelChangeSerializer(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        channel_id = self.kwargs["channel"]
        update_channel(actor=self.actor, tenant=self.owner, channel_id=channel_id, changes=given.validated_data)
        return self.get(request)

    @extend_schema(
        summary="Delete an alert channel",
        description="What waits to be told in it is forgotten.",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delete_channel(actor=self.actor, tenant=self.owner, channel_id=self.kwargs["channel"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class _ChannelTest(_ChannelsView):
    @extend_schema(
        summary="Send a test",
        description=(
            "At once. The answer shows the channel afterwards: `last_error` is empty when the test got through, and says "
            "why it did not otherwise. One that gets through also ends the pause of a channel that failed."
        ),
        request=None,
        responses=ChannelSerializer,
        examples=[TESTED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        channel_id = self.kwargs["channel"]
        try_channel(actor=self.actor, tenant=self.owner, channel_id=channel_id)
        with self.scope():
            return Response(self.shown([get_channel(self.owner_id, channel_id)])[0])


@extend_schema(tags=["alerts"])
class ChannelList(OfTenant, _ChannelList):
    scopes = {"GET": Scope.ALERTS_READ, "POST": Scope.ALERTS_WRITE}


@extend_schema(tags=["alerts"])
@extend_schema_view(
    get=extend_schema(summary="List the platform's alert channels"),
    post=extend_schema(summary="Create an alert channel of the platform"),
)
class PlatformChannelList(OfPlatform, _ChannelList):
    pass


@extend_schema(tags=["alerts"], parameters=[_CHANNEL])
class ChannelDetail(OfTenant, _ChannelDetail):
    scopes = {"GET": Scope.ALERTS_READ, "PATCH": Scope.ALERTS_WRITE, "DELETE": Scope.ALERTS_WRITE}


@extend_schema(tags=["alerts"], parameters=[_CHANNEL])
@extend_schema_view(
    get=extend_schema(summary="Show an alert channel of the platform"),
    patch=extend_schema(summary="Change an alert channel of the platform"),
    delete=extend_schema(summary="Delete an alert channel of the platform"),
)
class PlatformChannelDetail(OfPlatform, _ChannelDetail):
    pass


@extend_schema(tags=["alerts"], parameters=[_CHANNEL])
class ChannelTest(OfTenant, _ChannelTest):
    scopes = {"POST": Scope.ALERTS_WRITE}


@extend_schema(tags=["alerts"], parameters=[_CHANNEL])
@extend_schema_view(post=extend_schema(summary="Send a test through a channel of the platform"))
class PlatformChannelTest(OfPlatform, _ChannelTest):
    pass
