"""Who somebody is: the steps that the admin's form and the API's log-in have in common."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest
from django.views.decorators.debug import sensitive_variables

from integrations.authentication import two_step
from integrations.authentication.lockout import (
    attempt_failed,
    attempt_half_right,
    attempt_succeeded,
    begin_attempt,
)
from integrations.authentication.two_step import TooSoonError, WrongCodeError
from integrations.models.user import User


class WrongCredentialsError(Exception):
    """The username or the password is wrong, or the account is not active. Never says which."""


class CodeNeededError(Exception):
    """Username and password are right; the account's second step is still to come."""

    def __init__(self, user: User) -> None:
        super().__init__("A code is needed.")
        self.user = user


@sensitive_variables()
def identify(*, request: HttpRequest, username: str, password: str, code: str = "") -> User:
    """Return the user whom username, password and, where the account has a second step, `code` prove.

    Counts towards the lock-out, and never runs inside a transaction. Raises WrongCredentialsError, CodeNeededError
    (only after the right password), WrongCodeError, TooSoonError, LockedOutError and LimitUnavailableError.
    """
    attempt = begin_attempt(username=username, address=_address(request))
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User):
        attempt_failed(attempt)
        raise WrongCredentialsError
    if not two_step.has_device(user):
        attempt_succeeded(attempt)
        return user
    attempt_half_right(attempt)
    if not code:
        raise CodeNeededError(user)
    prove_second_step(request=request, user=user, code=code)
    return user


@sensitive_variables()
def prove_second_step(*, request: HttpRequest, user: User, code: str) -> None:
    """Use up a code of a user whose password was right, or who is logged in and does something delicate.

    Raises WrongCodeError, TooSoonError, LockedOutError and LimitUnavailableError.
    """
    attempt = begin_attempt(username=user.get_username(), address=_address(request))
    try:
        two_step.verify(user=user, code=code)
    except WrongCodeError:
        attempt_failed(attempt)
        raise
    except TooSoonError:
        attempt_half_right(attempt)
        raise
    attempt_succeeded(attempt)


@sensitive_variables()
def prove_password(*, request: HttpRequest, user: User, password: str) -> None:
    """Check the password of a user who is logged in and does something delicate.

    Raises WrongCredentialsError, LockedOutError and LimitUnavailableError.
    """
    attempt = begin_attempt(username=user.get_username(), address=_address(request))
    if not user.check_password(password):
        attempt_failed(attempt)
        raise WrongCredentialsError
    attempt_half_right(attempt)


def _address(request: HttpRequest) -> str | None:
    return getattr(request, "client_address", None)
