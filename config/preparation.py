"""What `make run` does to the database before it starts the processes: one program, so that Django is loaded once.

`python -m config.preparation [--demo]`; its exit code is not 0 when a step failed, after the step's own message.
"""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line


def prepare(*, demo: bool) -> None:
    """Refuse a wrong environment, migrate, check, and make the admin account and the demo tenant where there is none."""
    from config.startup import refuse_to_start

    refuse_to_start()
    steps = [
        ["migrate", "--no-input", "--verbosity", "0"],
        ["check", "--database", "default"],
        ["ensure_admin"],
        *([["seed_demo"]] if demo else []),
    ]
    for step in steps:
        execute_from_command_line(["manage.py", *step])


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    prepare(demo="--demo" in sys.argv[1:])
