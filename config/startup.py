"""Refuse to start on a wrong environment: one place, for the web server, the workers, beat and `make run`.

`python -m config.startup` only checks, and its exit code says whether the others would start.
"""

from __future__ import annotations

import os
import sys

import django
from django.conf import settings
from django.db import connections


def startup_problems() -> list[str]:
    """Return what keeps this environment from working, a sentence each: settings first, then encryption keys."""
    problems = list(settings.CONFIGURATION_PROBLEMS)
    if settings.DATABASES["default"]["ENGINE"] == "integrations.postgresql":
        django.setup()
        from integrations.encryption.startup import encryption_problems

        try:
            problems += encryption_problems()
        finally:
            connections.close_all()  # the processes that fork from here must not share a connection
    return problems


def refuse_to_start() -> None:
    """End this process with exit code 1 and a sentence per problem, if there is any."""
    problems = startup_problems()
    if not problems:
        return
    for problem in problems:
        sys.stderr.write(f"Signalbox does not start: {problem}\n")
    sys.exit(1)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    refuse_to_start()
