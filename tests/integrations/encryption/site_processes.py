"""Starting `site_process` on the test database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def site_process(mode: str, *, key: str, previous: str = "", **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process of the site with these master keys; it is killed if the block leaves it running."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integrations.encryption.site_process", mode, connection.settings_dict["NAME"]],
        env={**os.environ, "ENCRYPTION_KEY": key, "ENCRYPTION_KEYS_PREVIOUS": previous, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def next_word(process: subprocess.Popen[str]) -> str:
    """Return the next line that the process says; fails when it ended instead."""
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, f"the process ended with {process.wait()}"
    return line


def end(process: subprocess.Popen[str]) -> list[str]:
    """Close the standard input, wait for the process and return what it still said."""
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    return output.split("\n")[:-1]
