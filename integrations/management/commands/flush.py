"""Django's `flush`, which here has the activity log's trigger to pass, and is no command for production."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands.flush import Command as FlushCommand
from django.db import connections


class Command(FlushCommand):
    help = f"{FlushCommand.help} Only in development; the transactional tests use it."

    def handle(self, **options: Any) -> None:
        if settings.ENVIRONMENT != "development":
            raise CommandError("flush deletes everything, people and keys too. Use reset_db_preserve_admin.")
        # For the session, not the transaction: the command waits for an answer before it begins one.
        _let_the_activity_log_be_emptied(options["database"], "on")
        try:
            super().handle(**options)
        finally:
            _let_the_activity_log_be_emptied(options["database"], "off")


def _let_the_activity_log_be_emptied(database: str, value: str) -> None:
    with connections[database].cursor() as cursor:
        cursor.execute("SELECT set_config('sb.activity_maintenance', %s, false)", [value])
