"""One migrated database for a whole run: the workers' test databases and the sites' are copies of it.

Every migration takes three seconds of a core, a copy a tenth of one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg.sql import SQL, Identifier

VARIABLE = "SIGNALBOX_TEST_TEMPLATE"
_LOCK = 0x7E3A1A7E
_ROOT = Path(__file__).resolve().parent.parent


def migrated_template(server_url: str) -> str:
    """Return the name of the run's migrated database on this server (any database of it); the first to ask makes it.

    RuntimeError with what `migrate` printed when it fails.
    """
    name = os.environ[VARIABLE]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).fetchone() is None:
            half_made = f"{name}_half_made"
            connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(half_made)))
            connection.execute(SQL("CREATE DATABASE {}").format(Identifier(half_made)))
            _migrate(urlsplit(server_url)._replace(path=f"/{half_made}").geturl())
            rename = SQL("ALTER DATABASE {} RENAME TO {}").format(Identifier(half_made), Identifier(name))
            connection.execute(rename)
    return name


def drop_template(server_url: str) -> None:
    """Remove what `migrated_template` made, from a server that outlives the run."""
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in (os.environ[VARIABLE], f"{os.environ[VARIABLE]}_half_made"):
            connection.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))


def _migrate(database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=_ROOT,
        env={**os.environ, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The migrations failed:\n{done.stdout}{done.stderr}")
