"""A tenant's members: `…/members`, `…/members/{id}`, and `v1/members/me` for leaving."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import django_filters
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.filters import StableOrdering
from integrations.api.invitations import INVITED, InvitationWriteSerializer, InvitedSerializer, invited_answer
from integrations.api.member_access import MemberMixin
from integrations.api.serializers import StrictSerializer
from integrations.errors import InvalidInputError, NotFoundError
from integrations.isolation.guard import outside_scope
from integrations.member_queries import PEOPLE, get_member, members_of
from integrations.models import Membership, Role, User
from integrations.scopes import ANY_CREDENTIAL, Scope
from integrations.services.invitations import invite_member
from integrations.services.memberships import OwnedIntegrations, change_role, remove_member

_MEMBER: Final = OpenApiParameter("member", UUID, OpenApiParameter.PATH, description="The member's id.")
_OWNED: Final = OpenApiParameter(
    "integrations",
    str,
    enum=[choice.value for choice in OwnedIntegrations],
    description="What becomes of the person's own integrations; needed when there are any.",
)
_SHOWN: Final = OpenApiExample(
    "A member",
    value={
        "id": "019a9f5e-7b11-7d52-8c1a-0e2f3a4b5c6d",
        "user": {
            "id": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e",
            "username": "grace@example.com",
            "email": "grace@example.com",
            "name": "Grace Hopper",
        },
        "role": "admin",
        "created_at": "2026-11-20T10:00:00Z",
    },
    response_only=True,
)


class PersonSerializer(serializers.ModelSerializer[User]):
    name = serializers.CharField(source="get_full_name", help_text="First and last name; may be empty.")

    class Meta:
        model = User
        fields = ("id", "username", "email", "name")
        read_only_fields = fields


class MemberSerializer(serializers.ModelSerializer[Membership]):
    user = PersonSerializer()

    class Meta:
        model = Membership
        fields = ("id", "user", "role", "created_at")
        read_only_fields = fields


class RoleSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=Role.choices)


class MemberFilter(django_filters.FilterSet):
    role = django_filters.ChoiceFilter(choices=Role.choices)
    search = django_filters.CharFilter(method="find", label="Part of a username, name or e-mail address.")
    ordering = StableOrdering(fields=(("created_at", "created_at"), ("role", "role"), ("user__username", "username")))

    class Meta:
        model = Membership
        fields = ("role",)

    def find(self, members: QuerySet[Membership], name: str, value: str) -> QuerySet[Membership]:
        fields = ("username", "email", "first_name", "last_name")
        wanted = Q()
        for field in fields:
            wanted |= Q(**{f"user__{field}__icontains": value})
        return members.filter(wanted)


@extend_schema(tags=["members"])
@extend_schema_view(
    get=extend_schema(
        operation_id="members_list", summary="List members", description="The oldest first.", examples=[_SHOWN]
    )
)
class MemberList(MemberMixin, generics.ListAPIView[Membership]):
    scopes = {"GET": Scope.MEMBERS_READ, "POST": Scope.MEMBERS_MANAGE}
    queryset = Membership.objects.none()
    serializer_class = MemberSerializer
    filterset_class = MemberFilter

    def get_queryset(self) -> QuerySet[Membership]:
        # The API's description is made without a request, and so without a tenant.
        return members_of(self.tenant.id) if hasattr(self, "tenant") else self.queryset

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        with outside_scope(PEOPLE):
            return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="members_invite",
        summary="Invite somebody",
        description=(
            "Sends a link that works once, within 72 hours. Where the site sends no mail, the answer holds the link. "
            "Nobody gives a role that may do more than themselves; only owners make owners. 409 for who is a member or "
            "is invited already; 50 links in 24 hours at most."
        ),
        request=InvitationWriteSerializer,
        responses={201: InvitedSerializer},
        examples=[
            OpenApiExample("Invite", value={"email": "grace@example.com", "role": "admin"}, request_only=True),
            INVITED,
        ],
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = InvitationWriteSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        invited = invite_member(actor=self.actor, by=self.authority, tenant=self.tenant, **given.validated_data)
        return invited_answer(invited, status.HTTP_201_CREATED)

    def address_of(self, object_id: str) -> str | None:
        """Return the address of what the POST makes, which is an invitation and no member."""
        return f"{self.request.path.removesuffix('members')}invitations/{object_id}"


@extend_schema(tags=["members"], parameters=[_MEMBER])
class MemberDetail(MemberMixin, APIView):
    scopes = {"GET": Scope.MEMBERS_READ, "PATCH": Scope.MEMBERS_MANAGE, "DELETE": Scope.MEMBERS_MANAGE}

    @extend_schema(
        operation_id="members_retrieve", summary="Show a member", responses=MemberSerializer, examples=[_SHOWN]
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(MemberSerializer(get_member(self.tenant, self.kwargs["member"])).data)

    @extend_schema(
        operation_id="members_change",
        summary="Give a member another role",
        description="409 for the last owner. Ends the invitations that the person sent and could no longer send.",
        request=RoleSerializer,
        responses=MemberSerializer,
        examples=[OpenApiExample("Make an admin", value={"role": "admin"}, request_only=True), _SHOWN],
    )
    def patch(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        member = get_member(self.tenant, self.kwargs["member"])
        given = RoleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        role = Role(given.validated_data["role"])
        member.role = change_role(actor=self.actor, by=self.authority, membership=member, role=role).role
        return Response(MemberSerializer(member).data)

    @extend_schema(
        operation_id="members_remove",
        summary="Remove a member",
        description=(
            "Their access ends at once; API keys that they made stay. 422 that asks when they own integrations and "
            "`integrations` is missing; 409 for the last owner."
        ),
        parameters=[_OWNED],
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        member = get_member(self.tenant, self.kwargs["member"])
        remove_member(actor=self.actor, by=self.authority, membership=member, owned=_owned(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


@extend_schema(tags=["members"])
class OwnMembership(MemberMixin, APIView):
    """For people only: an API key is nobody's membership."""

    also_fails_with = frozenset({404, 409})
    scopes = {"GET": ANY_CREDENTIAL, "DELETE": ANY_CREDENTIAL}

    @extend_schema(
        operation_id="members_me_retrieve",
        summary="Show your own membership",
        description="For people: an API key is answered 404.",
        responses=MemberSerializer,
        examples=[_SHOWN],
        extensions={"x-for-people": True},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(MemberSerializer(self._own()).data)

    @extend_schema(
        operation_id="members_leave",
        summary="Leave the tenant",
        description=(
            "For people: an API key is answered 404. 422 that asks when you own integrations and `integrations` is "
            "missing; 409 for the last owner."
        ),
        parameters=[_OWNED],
        request=None,
        responses={204: None},
        extensions={"x-for-people": True},
    )
    def delete(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        remove_member(actor=self.actor, by=self.authority, membership=self._own(), owned=_owned(request))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _own(self) -> Membership:
        if self.membership is None:
            raise NotFoundError("An API key is no member.")
        return get_member(self.tenant, self.membership.id)


def _owned(request: Request) -> OwnedIntegrations | None:
    given = request.query_params.get("integrations")
    if given is None:
        return None
    try:
        return OwnedIntegrations(given)
    except ValueError:
        raise InvalidInputError({"integrations": ["Must be share or delete."]}) from None
