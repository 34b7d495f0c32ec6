"""Let somebody log in again at once, after too many failures."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from integrations.activity.actor import Actor
from integrations.authentication.lockout import LimitUnavailableError, unlock_by


class Command(BaseCommand):
    help = "Forget the failed log-ins of a username or an address, which lock both out for a while."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username", nargs="?", help="As it is typed when logging in.")
        parser.add_argument("--address", help="An IPv4 or IPv6 address; of IPv6 the whole /64 network is unlocked.")

    def handle(self, *args: Any, username: str | None, address: str | None, **options: Any) -> None:
        if not username and not address:
            raise CommandError("Name a username, or an address with --address.")
        actor = Actor.system("unlock_login")
        try:
            for given in ({"username": username}, {"address": address}):
                name = username if "username" in given else address
                if name:
                    was_counted = unlock_by(actor=actor, **given)
                    self.stdout.write(f"{name}: {'unlocked' if was_counted else 'nothing was counted'}.")
        except LimitUnavailableError as error:
            raise CommandError("Redis does not answer; nothing was changed.") from error
        except ValueError as error:
            raise CommandError(f"{address} is no address.") from error
