"""Authentication of API requests by access token."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from integrations.authentication.tokens import InvalidTokenError, user_of_access_token
from integrations.models.user import User

CHALLENGE = 'Bearer realm="signalbox"'
API_KEY_START = b"sb_"


class JWTAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`. A token that is sent and not valid is a 401, never an anonymous request."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, *credentials = get_authorization_header(request).split() or [b""]
        if scheme.lower() != b"bearer":
            return None
        if credentials and credentials[0].startswith(API_KEY_START):
            raise AuthenticationFailed("API keys are for /api/v1. The platform API takes access tokens.")
        try:
            token = credentials[0].decode("ascii") if len(credentials) == 1 else ""
            return user_of_access_token(token), None
        except (UnicodeDecodeError, InvalidTokenError):
            raise AuthenticationFailed("The access token is not valid, or no longer.") from None

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE
