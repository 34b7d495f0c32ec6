"""System checks of this room. Importing this module registers them, those of its packages too."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.db import connection

from integrations.api_keys import checks as api_key_checks
from integrations.encryption.startup import encryption_problems
from integrations.isolation import checks as isolation_checks
from integrations.partitioning import checks as partitioning_checks

__all__ = ["api_key_checks", "check_configuration", "check_encryption", "isolation_checks", "partitioning_checks"]


@register
def check_configuration(**_options: Any) -> list[CheckMessage]:
    """Report what is wrong with the environment, each problem as an error of its own."""
    return [Error(problem, id="integrations.E001") for problem in settings.CONFIGURATION_PROBLEMS]


@register
def check_encryption(**_options: Any) -> list[CheckMessage]:
    """Report encryption keys that are missing, malformed or not those of the database.

    Not a database check, which only some commands run: no command may work with the wrong key. It asks the database
    if that answers.
    """
    if connection.vendor != "postgresql":
        return []  # DATABASE_URL is wrong, which the configuration's check says
    return [Error(problem, id="integrations.E002") for problem in encryption_problems()]
