"""`POST …/oauth/{provider}/start`: begin to connect an integration by OAuth2; the callback is a page of the site."""

from __future__ import annotations

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.integration_items import WRITERS, ItemMixin
from integrations.api.serializers import StrictSerializer
from integrations.errors import InvalidInputError, NotFoundError
from integrations.models import Integration, Membership
from integrations.scopes import Scope
from integrations.services.oauth_connecting import VALID_FOR, start_connection

_PROVIDER: Final = OpenApiParameter("provider", str, OpenApiParameter.PATH, description="Its key, such as `github`.")


class OAuthStartRequest(StrictSerializer):
    integration = serializers.UUIDField(
        required=False, allow_null=True, help_text="Which one to connect (again); left out, one is added by connecting."
    )
    owner = serializers.ChoiceField(
        choices=["me"], required=False, allow_null=True, help_text="`me`: the one that is added is the member's own."
    )
    values = serializers.DictField(
        required=False, help_text="Public fields of the one that is added, such as a region or a subdomain."
    )
    return_to = serializers.CharField(
        required=False, allow_blank=True, max_length=1000, help_text="A path of this site to go to afterwards."
    )


class OAuthStart(serializers.Serializer[Any]):
    authorization_url = serializers.URLField(help_text="Open it in the person's browser.")
    expires_in = serializers.IntegerField(help_text="In how many seconds it must be finished.")


@extend_schema(tags=["integrations"], parameters=[_PROVIDER])
class OAuthStartView(ItemMixin, APIView):
    scopes = {"POST": WRITERS}
    safe_to_repeat = True  # each answer leads to a state of its own, which is not kept for a second request

    @extend_schema(
        operation_id="oauth_start",
        summary="Begin to connect by OAuth2",
        description=(
            "Answers the address at the provider where a person agrees; open it in their browser. The provider sends them "
            "back to Signalbox, which stores the tokens, encrypted, and keeps them fresh. It works once, for ten minutes. "
            "The app is the integration's own (`client_id`, `client_secret`), else the platform's. The tenant's need "
            "`integrations:write`; a member's own need `integrations:use`."
        ),
        request=OAuthStartRequest,
        responses=OAuthStart,
        examples=[
            OpenApiExample("Add one", value={"values": {}}, request_only=True),
            OpenApiExample(
                "Connect again",
                value={"integration": "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10", "return_to": "/admin/"},
                request_only=True,
            ),
            OpenApiExample(
                "Begun",
                value={
                    "authorization_url": "https://github.com/login/oauth/authorize?response_type=code&client_id=…",
                    "expires_in": 600,
                },
                response_only=True,
            ),
        ],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        body = OAuthStartRequest(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        owner = self._owner(given)
        url = start_connection(
            actor=self.actor,
            tenant=self.tenant,
            provider=str(self.kwargs["provider"]),
            integration=self._stored(given),
            owner=owner,
            values=given.get("values"),
            return_to=given.get("return_to", ""),
        )
        return Response({"authorization_url": url, "expires_in": int(VALID_FOR.total_seconds())})

    def _stored(self, given: dict[str, Any]) -> Integration | None:
        if given.get("integration") is None:
            self.require(Scope.INTEGRATIONS_USE if given.get("owner") else Scope.INTEGRATIONS_WRITE)
            return None
        try:
            found = self.item_with_id(given["integration"])
        except NotFoundError as error:
            raise InvalidInputError({"integration": [error.detail]}) from None
        self.require_writable(found)
        return found

    def _owner(self, given: dict[str, Any]) -> Membership | None:
        if given.get("owner") is None:
            return None
        if given.get("integration") is not None:
            raise InvalidInputError({"owner": ["It is for a new integration: leave it out."]})
        if self.membership is None:
            raise InvalidInputError({"owner": ["Only a member has integrations of their own."]})
        return self.membership
