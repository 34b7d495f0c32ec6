#!/usr/bin/env python
"""Run Signalbox's administrative commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if settings.DATABASE_IS_EMBEDDED and "Is the server running" in str(error):
            sys.exit(
                "The embedded PostgreSQL does not run: start `make run` in this folder first, or set DATABASE_URL."
            )
        raise


if __name__ == "__main__":
    main()
