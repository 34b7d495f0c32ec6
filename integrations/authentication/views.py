"""Logging in over the API."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.serializers import StrictSerializer
from integrations.authentication.drf import CHALLENGE
from integrations.authentication.throttling import LoginThrottle
from integrations.authentication.tokens import InvalidTokenError, TokenPair, issue_tokens, rotate_tokens
from integrations.models.user import User

_NEW_PAIR = OpenApiExample(
    "A pair of tokens",
    value={
        "access": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI….…",
        "refresh": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzaWQiOiI….…",
        "access_expires_at": "2026-01-31T12:15:00Z",
        "refresh_expires_at": "2026-02-01T12:00:00Z",
    },
    response_only=True,
)


class CredentialsSerializer(StrictSerializer):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False, write_only=True)


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField(max_length=4096)


class TokenPairSerializer(serializers.Serializer[TokenPair]):
    access = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Works once, at `/api/auth/token/refresh`.")
    access_expires_at = serializers.DateTimeField()
    refresh_expires_at = serializers.DateTimeField()


class _LogInView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (LoginThrottle,)

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE  # without it, REST framework answers 403 to wrong credentials

    def answer(self, pair: TokenPair) -> Response:
        return Response(TokenPairSerializer(pair).data, headers={"Cache-Control": "no-store"})


class TokenView(_LogInView):
    @extend_schema(
        tags=["auth"],
        operation_id="auth_token_create",
        summary="Log in",
        description="Throttled per address and per username.",
        request=CredentialsSerializer,
        responses=TokenPairSerializer,
        examples=[
            OpenApiExample("Log in", value={"username": "admin", "password": "…"}, request_only=True),
            _NEW_PAIR,
        ],
    )
    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        credentials = CredentialsSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        user = authenticate(request._request, **credentials.validated_data)
        if not isinstance(user, User):
            raise AuthenticationFailed("Username or password is wrong, or the account is not active.")
        return self.answer(issue_tokens(user=user))


class TokenRefreshView(_LogInView):
    @extend_schema(
        tags=["auth"],
        operation_id="auth_token_refresh",
        summary="Exchange a refresh token for a new pair",
        description="Each refresh token works once; a second use ends the session.",
        request=RefreshSerializer,
        responses=TokenPairSerializer,
        examples=[OpenApiExample("Refresh", value={"refresh": "eyJhbGciOiJIUzI1NiI….…"}, request_only=True), _NEW_PAIR],
    )
    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        given = RefreshSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            pair = rotate_tokens(refresh=given.validated_data["refresh"])
        except InvalidTokenError:
            raise AuthenticationFailed("The refresh token is not valid, or no longer.") from None
        return self.answer(pair)
