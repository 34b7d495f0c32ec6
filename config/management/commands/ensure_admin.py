"""Make the first owner of the platform, once."""

from __future__ import annotations

import os
import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from integrations.models import User
from integrations.platform_roles import PlatformRole
from integrations.services.staff import owners


class Command(BaseCommand):
    help = (
        "Make a platform owner unless there is one. Honours DJANGO_SUPERUSER_USERNAME, DJANGO_SUPERUSER_PASSWORD and "
        "DJANGO_SUPERUSER_EMAIL; without a password it makes one and prints it this once."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        username = os.environ.get("DJANGO_SUPERUSER_USERNAME") or "admin"
        if User.objects.filter(username=username).exists():
            self.stdout.write(f"The account {username} is there already; its password is unchanged.")
            return
        if not os.environ.get("DJANGO_SUPERUSER_USERNAME") and owners().exists():
            self.stdout.write("There is a platform owner already.")
            return
        given = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        password = given or secrets.token_urlsafe(12)
        user = User(
            username=username,
            email=os.environ.get("DJANGO_SUPERUSER_EMAIL") or f"{username}@example.com",
            is_staff=True,
            is_superuser=True,
            platform_role=PlatformRole.OWNER,
        )
        user.set_password(password)
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(
                "; ".join(f"{name}: {' '.join(why)}" for name, why in error.message_dict.items())
            ) from error
        user.save()
        self.stdout.write(f"Platform owner made. User name: {username}")
        if not given:
            self.stdout.write(f"Password (shown this once): {password}")
