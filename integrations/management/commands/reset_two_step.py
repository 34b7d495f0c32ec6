"""Turn somebody's second step off, for a lost device and lost recovery codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.activity.actor import Actor
from integrations.models import User
from integrations.services.staff import reset_two_step


class Command(BaseCommand):
    help = "Turn two-step log-in off for somebody who lost their device. Owners do the same in the admin, for others."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", help="Whose two-step log-in is turned off.")

    def handle(self, *args: Any, username: str, **options: Any) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is nobody called {username}.")
        was_on = reset_two_step(actor=Actor.system("reset_two_step"), user_id=user.pk)
        self.stdout.write(
            f"{username}: {'turned off; all sessions ended' if was_on else 'two-step log-in was not on'}."
        )
