"""A tenant's invitations: `…/invitations`, `…/invitations/{id}` and `…/invitations/{id}/resend`."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.filters import StableOrdering
from integrations.api.member_access import MemberMixin
from integrations.api.serializers import StrictSerializer
from integrations.isolation.scope import tenant_scope
from integrations.member_queries import get_invitation
from integrations.models import Invitation, InvitationState, Role
from integrations.scopes import Scope
from integrations.services.invitations import Invited, resend_invitation, withdraw_invitation

_INVITATION: Final = OpenApiParameter("invitation", UUID, OpenApiParameter.PATH, description="The invitation's id.")
_VALUE: Final = {
    "id": "019a9f5e-7b11-7d52-8c1a-0e2f3a4b5c6d",
    "email": "grace@example.com",
    "role": "admin",
    "state": "pending",
    "invited_by": "ada",
    "created_at": "2026-11-20T10:00:00Z",
    "expires_at": "2026-11-23T10:00:00Z",
    "times_sent": 1,
    "sent_at": None,
    "accepted_at": None,
    "withdrawn_at": None,
}
_SHOWN: Final = OpenApiExample("An invitation", value=_VALUE, response_only=True)
INVITED: Final = OpenApiExample(
    "An invitation whose mail is on its way", value={**_VALUE, "link": None}, response_only=True
)


class InvitationWriteSerializer(StrictSerializer):
    email = serializers.CharField(max_length=150, help_text="Upper and lower case are the same.")
    role = serializers.ChoiceField(choices=Role.choices)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    state = serializers.SerializerMethodField()
    invited_by = serializers.CharField(source="invited_by_name", help_text="Who sent the newest link.")

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = (
            "id",
            "email",
            "role",
            "state",
            "invited_by",
            "created_at",
            "expires_at",
            "times_sent",
            "sent_at",
            "accepted_at",
            "withdrawn_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=InvitationState.choices))
    def get_state(self, invitation: Invitation) -> str:
        return str(invitation.state_at(timezone.now()))


class InvitedSerializer(InvitationSerializer):
    link = serializers.CharField(
        allow_null=True, help_text="Only where the site sends no mail: give it to the person yourself. Shown once."
    )

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "link")
        read_only_fields = fields


class InvitationFilter(django_filters.FilterSet):
    state = django_filters.ChoiceFilter(choices=InvitationState.choices, method="in_state")
    role = django_filters.ChoiceFilter(choices=Role.choices)
    email = django_filters.CharFilter(lookup_expr="icontains", label="Part of the address.")
    ordering = StableOrdering(fields=("email", "created_at", "expires_at"))

    class Meta:
        model = Invitation
        fields = ("state", "role", "email")

    def in_state(self, invitations: Any, name: str, value: str) -> QuerySet[Invitation]:
        found: QuerySet[Invitation] = invitations.in_state(value, timezone.now())
        return found


def invited_answer(invited: Invited, status_code: int) -> Response:
    """Return the answer that may hold a link, which nothing on the way may keep."""
    body = {**InvitationSerializer(invited.invitation).data, "link": invited.link}
    return Response(body, status=status_code, headers={"Cache-Control": "no-store"})


@extend_schema(tags=["members"])
@extend_schema_view(
    get=extend_schema(
        operation_id="invitations_list",
        summary="List invitations",
        description="The newest first. Invite by `POST …/members`.",
        examples=[_SHOWN],
    )
)
class InvitationList(MemberMixin, generics.ListAPIView[Invitation]):
    scopes = {"GET": Scope.MEMBERS_MANAGE}
    queryset = Invitation.objects.none()
    serializer_class = InvitationSerializer
    filterset_class = InvitationFilter

    def get_queryset(self) -> QuerySet[Invitation]:
        # The API's description is made without a request, and so without a tenant.
        return Invitation.objects.filter(tenant_id=self.tenant.id) if hasattr(self, "tenant") else self.queryset

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with tenant_scope(self.tenant):
            return super().list(request, *args, **kwargs)


@extend_schema(tags=["members"], parameters=[_INVITATION])
class InvitationDetail(MemberMixin, APIView):
    scopes = {"GET": Scope.MEMBERS_MANAGE, "DELETE": Scope.MEMBERS_MANAGE}

    @extend_schema(
        operation_id="invitations_retrieve",
        summary="Show an invitation",
        responses=InvitationSerializer,
        examples=[_SHOWN],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(InvitationSerializer(get_invitation(self.tenant, self.kwargs["invitation"])).data)

    @extend_schema(
        operation_id="invitations_withdraw",
        summary="Withdraw an invitation",
        description="Its link ends at once; the invitation stays in the list. 409 for one that was accepted.",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        withdraw_invitation(
            actor=self.actor, by=self.authority, tenant=self.tenant, invitation_id=self.kwargs["invitation"]
        )
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["members"], parameters=[_INVITATION])
class InvitationResend(MemberMixin, APIView):
    scopes = {"POST": Scope.MEMBERS_MANAGE}

    @extend_schema(
        operation_id="invitations_resend",
        summary="Send an invitation again",
        description="With a new link for another 72 hours; the old one ends. 409 for one that was accepted or withdrawn.",
        request=None,
        responses=InvitedSerializer,
        examples=[INVITED],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        invited = resend_invitation(
            actor=self.actor, by=self.authority, tenant=self.tenant, invitation_id=self.kwargs["invitation"]
        )
        return invited_answer(invited, status.HTTP_200_OK)

    def address_of(self, object_id: str) -> str | None:
        """Return the invitation's own address: there is nothing below this one."""
        return self.request.path.removesuffix("/resend")
