"""Authentication of tenants' backends on `/api/v1`, by API key."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from rest_framework import status
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from integrations.activity.actor import Actor
from integrations.activity.models import ActorKind
from integrations.api_keys.checking import (
    ForbiddenKeyError,
    InvalidKeyError,
    KeyRefusedError,
    PepperNotAtHandError,
    check_key,
)
from integrations.api_keys.usage import counter
from integrations.authentication.access import TenantAccess
from integrations.authentication.drf import API_KEY_START, CHALLENGE, authorization


class KeyCannotBeChecked(APIException):
    """503: this process lacks the pepper of the key, which may well be right."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "API keys cannot be checked at the moment. Try again later."
    wait = 5


class APIKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer sb_…`; whatever does not begin so is left to the authentication of people."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, TenantAccess] | None:
        scheme, credentials = authorization(request)
        if scheme != b"bearer" or not credentials or not credentials[0].startswith(API_KEY_START):
            return None
        address = getattr(request, "client_address", None)
        text = credentials[0].decode("ascii", "replace") if len(credentials) == 1 else ""
        try:
            key = check_key(text, address=address)
        except InvalidKeyError as refusal:
            _count(refusal)
            raise AuthenticationFailed(refusal.detail) from None
        except ForbiddenKeyError as refusal:
            _count(refusal)
            raise PermissionDenied(refusal.detail) from None
        except PepperNotAtHandError:
            raise KeyCannotBeChecked from None
        request_id = getattr(request, "request_id", "")
        access = TenantAccess(
            tenant=key.tenant,
            scopes=frozenset(key.scopes),
            actor=Actor(ActorKind.API_KEY, key.id, key.name, address=address, request_id=request_id),
            api_key_id=key.id,
            requests_per_hour=key.rate_limit,
        )
        return AnonymousUser(), access

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def _count(refusal: KeyRefusedError) -> None:
    """Whoever looks for the backend that still uses an ended key finds its requests among the key's errors."""
    if refusal.key_id is not None:
        counter.count(refusal.key_id, is_error=True, address=None, was_let_in=False)
