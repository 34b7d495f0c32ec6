from __future__ import annotations

import os
import re
import subprocess
import sys
from io import StringIO

from django.conf import settings
from django.core.management import call_command


def printed() -> str:
    output = StringIO()
    call_command("generate_encryption_key", stdout=output)
    return output.getvalue()


def test_prints_64_hexadecimal_characters() -> None:
    assert re.fullmatch(r"[0-9a-f]{64}\n", printed())


def test_prints_another_one_each_time() -> None:
    assert printed() != printed()


def test_needs_no_settings() -> None:
    """The command with which a new installation begins, when there is nothing in the environment yet."""
    environment = {"PATH": os.environ["PATH"], "ENVIRONMENT": "production"}
    result = subprocess.run(
        [sys.executable, "manage.py", "generate_encryption_key"],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert re.fullmatch(r"[0-9a-f]{64}\n", result.stdout), result.stderr
