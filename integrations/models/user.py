"""People who log in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac

from integrations.ids import uuid7
from integrations.platform_roles import PlatformRole, may_view


class User(AbstractUser):
    """A person. Logs in by username; the e-mail address is unique without regard to case."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    platform_role = models.CharField(
        max_length=16,
        choices=PlatformRole.choices,
        blank=True,
        default="",
        help_text="For platform staff only. Owners manage staff too; auditors read everything but secrets.",
    )
    session_version = models.PositiveIntegerField(
        default=0, editable=False, help_text="Counts what ended all of this person's sessions."
    )

    class Meta(AbstractUser.Meta):
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="user_email_unique",
                violation_error_message="Somebody with this e-mail address exists already.",
            ),
        ]

    @property
    def is_platform_admin(self) -> bool:
        """Whether this person may use the platform API and the admin at all: active, with a platform role.

        What they may do there is another question: `integrations.platform_roles`.
        """
        return may_view(self)

    def get_session_auth_hash(self) -> str:
        """Return what every session and token of this person carries; another value ends them all.

        It follows the password, as Django's does, and the platform role: nobody goes on under a role that was theirs
        when they logged in.
        """
        return self._standing()

    def get_session_auth_fallback_hash(self) -> Iterator[str]:
        for secret in settings.SECRET_KEY_FALLBACKS:
            yield self._standing(secret)

    def _standing(self, secret: str | bytes | None = None) -> str:
        standing = f"{self.session_version}:{self.platform_role}:{self.is_superuser}:{self.password}"
        return salted_hmac("signalbox.session", standing, secret=secret, algorithm="sha256").hexdigest()
