"""Logging in over the API."""

from __future__ import annotations

from typing import Any

from django.views.decorators.debug import sensitive_variables
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied, Throttled
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from integrations.api.openapi import ProblemSerializer
from integrations.api.problems import CONTENT_TYPE
from integrations.api.serializers import StrictSerializer
from integrations.authentication.drf import CHALLENGE
from integrations.authentication.lockout import LimitUnavailableError, LockedOutError
from integrations.authentication.log_in import CodeNeededError, WrongCredentialsError, identify
from integrations.authentication.throttling import RefreshThrottle
from integrations.authentication.tokens import InvalidTokenError, TokenPair, issue_tokens, rotate_tokens
from integrations.authentication.two_step import TooSoonError, WrongCodeError, second_step_is_missing
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
    otp = serializers.CharField(
        max_length=50,
        required=False,
        allow_blank=True,
        write_only=True,
        help_text="A code of the authenticator app, or a recovery code; for accounts with two-step log-in.",
    )


class RefreshSerializer(StrictSerializer):
    refresh = serializers.CharField(max_length=4096)


class TokenPairSerializer(serializers.Serializer[TokenPair]):
    access = serializers.CharField(help_text="Send it as `Authorization: Bearer …`.")
    refresh = serializers.CharField(help_text="Works once, at `/api/auth/token/refresh`.")
    access_expires_at = serializers.DateTimeField()
    refresh_expires_at = serializers.DateTimeField()


class LogInUnavailable(APIException):
    """Nobody may try a password while failures cannot be counted."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Logging in is not possible at the moment. Try again later."
    wait = 5


class _LogInView(APIView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get_authenticate_header(self, request: Request) -> str:
        return CHALLENGE  # without it, REST framework answers 403 to wrong credentials

    def answer(self, pair: TokenPair) -> Response:
        return Response(TokenPairSerializer(pair).data, headers={"Cache-Control": "no-store"})


class TokenView(_LogInView):
    @extend_schema(
        tags=["auth"],
        operation_id="auth_token_create",
        summary="Log in",
        description=(
            "Where the account has two-step log-in, `otp` is needed too: without it the answer to the right password is "
            "401 and says so. After ten failures for a username, or fifty from an address, within 15 minutes, log-ins "
            "are refused with 429 until the first of them is that old."
        ),
        request=CredentialsSerializer,
        responses={
            200: TokenPairSerializer,
            (403, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, "Two-step log-in has to be set up first."),
            (429, CONTENT_TYPE): OpenApiResponse(ProblemSerializer, "Too many failures; see `Retry-After`."),
        },
        examples=[
            OpenApiExample("Log in", value={"username": "admin", "password": "…"}, request_only=True),
            OpenApiExample(
                "Log in with a second step",
                value={"username": "admin", "password": "…", "otp": "492039"},
                request_only=True,
            ),
            _NEW_PAIR,
        ],
    )
    @sensitive_variables()
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        credentials = CredentialsSerializer(data=request.data)
        credentials.is_valid(raise_exception=True)
        user = identified(request, **credentials.validated_data)
        if second_step_is_missing(user):
            raise PermissionDenied("This site requires two-step log-in: set it up in the admin first.")
        return self.answer(issue_tokens(user=user))


@sensitive_variables()
def identified(request: Request, *, username: str, password: str, otp: str = "") -> User:
    try:
        return identify(request=request._request, username=username, password=password, code=otp)
    except WrongCredentialsError:
        raise AuthenticationFailed("Username or password is wrong, or the account is not active.") from None
    except CodeNeededError:
        raise AuthenticationFailed("A code of your authenticator app is needed: send it as otp.") from None
    except WrongCodeError:
        raise AuthenticationFailed("The code is wrong, or was used already.") from None
    except TooSoonError as error:
        raise Throttled(error.seconds, "A wrong code was given a moment ago.") from None
    except LockedOutError as error:
        raise Throttled(error.seconds, "Too many log-ins failed.") from None
    except LimitUnavailableError:
        raise LogInUnavailable from None


class TokenRefreshView(_LogInView):
    throttle_classes = (RefreshThrottle,)

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
