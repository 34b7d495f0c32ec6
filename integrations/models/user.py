"""People who log in."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower

from integrations.ids import uuid7


class User(AbstractUser):
    """A person. Logs in by username; the e-mail address is unique without regard to case."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)

    class Meta(AbstractUser.Meta):
        permissions: ClassVar = [("administer_platform", "Can administer the whole platform")]
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
        """Whether this person may administer every tenant: an active superuser, or staff with the permission."""
        return self.is_active and (
            self.is_superuser or (self.is_staff and self.has_perm("integrations.administer_platform"))
        )
