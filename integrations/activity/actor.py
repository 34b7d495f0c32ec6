"""Who does something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog

from integrations.activity.models import ActorKind

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser
    from django.http import HttpRequest
    from rest_framework.request import Request

    from integrations.models import User


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, an API key or the system, with the address and the request the deed came from."""

    kind: ActorKind
    id: UUID | None
    name: str
    address: str | None = None
    request_id: str = ""

    @classmethod
    def system(cls, name: str = "system") -> Actor:
        """Return the actor of a command or a scheduled task; `name` says which."""
        return cls(ActorKind.SYSTEM, None, name, request_id=_of_request_context("request_id"))

    @classmethod
    def of(cls, user: User | AnonymousUser, request: HttpRequest | Request | None = None) -> Actor:
        """Return a logged-in person as actor; without `request`, its id and address come from the context.

        Raises ValueError for a user that is not logged in: nothing anonymous changes anything.
        """
        if user.pk is None:
            raise ValueError("An anonymous user is no actor.")
        return cls(
            ActorKind.USER,
            user.pk,
            user.get_username(),
            address=_attribute(request, "client_address") or _of_request_context("client_address") or None,
            request_id=_attribute(request, "request_id") or _of_request_context("request_id"),
        )

    @property
    def user_id(self) -> UUID | None:
        """The person's id, for columns that refer to a user; None for keys and the system."""
        return self.id if self.kind == ActorKind.USER else None


def _attribute(request: Any, name: str) -> str:
    return str(getattr(request, name, None) or "")


def _of_request_context(name: str) -> str:
    """Return what the request middleware bound to this context, which log lines carry too."""
    return str(structlog.contextvars.get_contextvars().get(name) or "")
