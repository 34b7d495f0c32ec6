"""Authentication of API requests by access token."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from integrations.authentication.tokens import InvalidTokenError, user_of_access_token
from integrations.models.user import User

CHALLENGE = 'Bearer realm="signalbox"'
API_KEY_START = b"sb_"


def authorization(request: Request) -> tuple[bytes, list[bytes]]:
    """Return the scheme of the Authorization header in lower case, blank without one, and what follows it.

    REST framework looks for it in `request.headers`, for which all headers are renamed first.
    """
    given = request.META.get("HTTP_AUTHORIZATION", "")
    scheme, *credentials = given.encode("iso-8859-1").split() or [b""]
    return scheme.lower(), credentials


class JWTAuthentication(BaseAuthentication):
    """`Authorization: Bearer <access token>`. A token that is sent and not valid is a 401, never an anonymous request."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        scheme, credentials = authorization(request)
        if scheme != b"bearer":
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
