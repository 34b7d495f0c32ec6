"""JSON Web Tokens for people who use the API: short access tokens, and refresh tokens that work once.

HS256 under a key derived from `SECRET_KEY`. Both kinds carry what the admin's sessions carry too
(`User.get_session_auth_hash`): another password or platform role ends all of them. A refresh token carries its session and its number in it; only the newest number is accepted, and an older
one means that somebody copied a token, which ends the session for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import jwt
from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac

from integrations.authentication.models import RefreshSession
from integrations.models.user import User
from integrations.row_lookup import RowLookup

_ALGORITHM: Final = "HS256"
_ISSUER: Final = "signalbox"
_ACCESS: Final = "signalbox:access"
_REFRESH: Final = "signalbox:refresh"
_LONGEST_TOKEN: Final = 2048
_ACTIVE_USER: Final = RowLookup(User, "id = %s AND is_active")


class InvalidTokenError(Exception):
    """The token is forged, malformed, expired, used up, or its user may not log in (any more). Never says which."""


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a log-in or a refresh answers."""

    access: str
    refresh: str
    access_expires_at: datetime
    refresh_expires_at: datetime

    def __repr__(self) -> str:
        return f"TokenPair(access_expires_at={self.access_expires_at}, refresh_expires_at={self.refresh_expires_at})"


def issue_tokens(*, user: User) -> TokenPair:
    """Open a session for a user whose identity was proved, and forget that user's sessions that ran out."""
    now = timezone.now()
    RefreshSession.objects.filter(user=user, expires_at__lt=now).delete()
    session = RefreshSession.objects.create(user=user, expires_at=now + settings.JWT_REFRESH_LIFETIME)
    return _pair(user, session.id, session.token_number, now)


def rotate_tokens(*, refresh: str) -> TokenPair:
    """Exchange a refresh token for a new pair; the token given is used up.

    Two exchanges of one token at the same time: one wins, and the other ends the session, as any reuse does.
    Raises InvalidTokenError.
    """
    claims = _decode(refresh, audience=_REFRESH)
    user = _user(claims)
    session_id, number = _uuid(claims.get("sid")), claims.get("num")
    if not isinstance(number, int):
        raise InvalidTokenError
    now = timezone.now()
    live = RefreshSession.objects.filter(id=session_id, user=user, revoked_at=None)
    advanced = live.filter(token_number=number, expires_at__gt=now).update(
        token_number=F("token_number") + 1, expires_at=now + settings.JWT_REFRESH_LIFETIME
    )
    if not advanced:
        live.filter(token_number__gt=number).update(revoked_at=now)
        raise InvalidTokenError
    return _pair(user, session_id, number + 1, now)


def user_of_access_token(token: str) -> User:
    """Return the user of a valid access token, read afresh. Raises InvalidTokenError."""
    return _user(_decode(token, audience=_ACCESS))


def _pair(user: User, session_id: UUID, number: int, now: datetime) -> TokenPair:
    now = now.replace(microsecond=0)  # a token's times are whole seconds
    access_expires_at = now + settings.JWT_ACCESS_LIFETIME
    refresh_expires_at = now + settings.JWT_REFRESH_LIFETIME
    claims = {"iss": _ISSUER, "sub": str(user.pk), "iat": now, "ses": _standing(user)}
    session = {"sid": str(session_id), "num": number}
    return TokenPair(
        access=_encode({**claims, "aud": _ACCESS, "exp": access_expires_at}),
        refresh=_encode({**claims, **session, "aud": _REFRESH, "exp": refresh_expires_at}),
        access_expires_at=access_expires_at,
        refresh_expires_at=refresh_expires_at,
    )


def _user(claims: dict[str, Any]) -> User:
    user = _ACTIVE_USER.find(_uuid(claims.get("sub")))
    if user is None or not constant_time_compare(str(claims.get("ses")), _standing(user)):
        raise InvalidTokenError
    return user


def _standing(user: User) -> str:
    return user.get_session_auth_hash()[:32]


def _uuid(value: object) -> UUID:
    try:
        return UUID(str(value))
    except ValueError:
        raise InvalidTokenError from None


def _key() -> bytes:
    return salted_hmac("signalbox.jwt", "signing key 1", algorithm="sha256").digest()


def _encode(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, _key(), algorithm=_ALGORITHM)


def _decode(token: str, *, audience: str) -> dict[str, Any]:
    if len(token) > _LONGEST_TOKEN:
        raise InvalidTokenError
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            _key(),
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=_ISSUER,
            # A host whose clock is behind must accept what another has just issued.
            options={"require": ["exp", "sub", "aud", "iss"], "verify_iat": False},
        )
    except jwt.InvalidTokenError:
        raise InvalidTokenError from None
    return claims
