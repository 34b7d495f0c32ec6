"""`POST /api/auth/invitations/accept`: accepting an invitation from a front end of one's own."""

from __future__ import annotations

from typing import Any, Final

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.members import PersonSerializer
from integrations.api.serializers import StrictSerializer
from integrations.api.tenant_shown import TenantShownSerializer
from integrations.authentication.drf import JWTAuthentication
from integrations.authentication.views import identified
from integrations.errors import InvalidInputError
from integrations.models import Role, User
from integrations.services.accepting_invitations import (
    Accepted,
    OpenInvitation,
    accept_as,
    accept_as_new_person,
    open_invitation,
)

_ACCEPTED: Final = OpenApiExample(
    "Accepted",
    value={
        "tenant": {
            "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
            "name": "Acme GmbH",
            "slug": "acme",
            "is_active": True,
        },
        "membership": "019a9f5e-7b11-7d52-8c1a-0e2f3a4b5c6d",
        "role": "admin",
        "user": {
            "id": "019a9f5e-9d33-7c4c-8a07-5b1d9e6f2a33",
            "username": "grace@example.com",
            "email": "grace@example.com",
            "name": "",
        },
        "is_new_user": True,
    },
    response_only=True,
)


class AcceptSerializer(StrictSerializer):
    token = serializers.CharField(max_length=200, write_only=True, help_text="The last part of the link.")
    password = serializers.CharField(
        max_length=4096,
        required=False,
        trim_whitespace=False,
        write_only=True,
        help_text="For a new person the one to set; for an account that exists its own, unless an access token is sent.",
    )
    otp = serializers.CharField(
        max_length=50, required=False, write_only=True, help_text="For accounts with two-step log-in."
    )


class AcceptedSerializer(serializers.Serializer[Accepted]):
    tenant = TenantShownSerializer()
    membership = serializers.UUIDField(source="membership.id")
    role = serializers.ChoiceField(choices=Role.choices, source="membership.role")
    user = PersonSerializer()
    is_new_user = serializers.BooleanField(source="is_new_person")


class AcceptInvitationView(APIView):
    """Open: the token is what lets somebody in. Guessing the password of an account counts as a failed log-in."""

    authentication_classes = (JWTAuthentication,)
    permission_classes = (AllowAny,)
    also_fails_with = frozenset({404})

    @extend_schema(
        tags=["auth"],
        operation_id="auth_invitations_accept",
        summary="Accept an invitation",
        description=(
            "Works once. 404 for a link that is not valid or was replaced by a newer one, 409 for one that was used, "
            "withdrawn or has expired, 403 while the tenant is inactive."
        ),
        request=AcceptSerializer,
        responses=AcceptedSerializer,
        examples=[
            OpenApiExample(
                "A new person",
                value={"token": "sb_invite_3q2-7wEjRWeJq83vASNFZ4mrze8BI0VniavN7wEjRWc", "password": "…"},
                request_only=True,
            ),
            _ACCEPTED,
        ],
    )
    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = AcceptSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        opened = open_invitation(token=given.validated_data["token"])
        accepted = _accept(request, opened, given.validated_data.get("password"), given.validated_data.get("otp", ""))
        return Response(AcceptedSerializer(accepted).data, headers={"Cache-Control": "no-store"})


@sensitive_variables()
def _accept(request: Request, opened: OpenInvitation, password: str | None, otp: str) -> Accepted:
    address = getattr(request, "client_address", None)
    if isinstance(request.user, User):
        return accept_as(opened=opened, user=request.user, actor_address=address)
    if password is None:
        raise InvalidInputError({"password": ["Needed without an access token."]})
    if opened.person is None:
        return accept_as_new_person(opened=opened, password=password, actor_address=address)
    user = identified(request, username=opened.person.username, password=password, otp=otp)
    return accept_as(opened=opened, user=user, actor_address=address)
