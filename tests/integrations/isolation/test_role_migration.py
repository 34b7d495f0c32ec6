"""`manage.py migrate` by a login that may not create roles: it says what an administrator has to run, and then works."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.integrations.isolation.databases import connected

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.processes, pytest.mark.django_db]


@pytest.fixture
def login(superuser: BaseDatabaseWrapper) -> Iterator[str]:
    """A login that owns the database of its own name, and may do nothing else. The role's name is `<login>_tenant`."""
    name = f"test_login_{secrets.token_hex(6)}"
    with superuser.cursor() as cursor:
        cursor.execute(f"CREATE ROLE {name} LOGIN")
        cursor.execute(f"CREATE DATABASE {name} OWNER {name} TEMPLATE template0")
        yield name
        cursor.execute(f"DROP DATABASE {name}")
        cursor.execute(f"DROP ROLE IF EXISTS {name}_tenant")
        cursor.execute(f"DROP ROLE {name}")


def test_stops_with_the_lines_and_works_when_they_were_run(login: str) -> None:
    refused = manage("migrate", login=login)
    assert refused.returncode != 0
    lines = [line for line in refused.stderr.splitlines() if line.startswith("    ")][-3:]
    assert lines == [
        f'    CREATE ROLE "{login}_tenant" NOLOGIN NOSUPERUSER NOBYPASSRLS NOINHERIT;',
        f'    GRANT "{login}_tenant" TO "{login}" WITH SET TRUE, INHERIT FALSE;',
        f'    GRANT USAGE ON SCHEMA "public" TO "{login}_tenant";',
    ]

    with connected(login, user="postgres") as administrator, administrator.cursor() as cursor:
        cursor.execute("\n".join(lines))
    for command in ("migrate", "check"):
        done = manage(command, "--database", "default", login=login)
        assert done.returncode == 0, done.stderr


def manage(*command: str, login: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the site in a process of its own, with this login, its database and its role."""
    server = urlsplit(os.environ["DATABASE_URL"])
    place = server.netloc.rpartition("@")[2]
    url = urlunsplit(server._replace(netloc=f"{quote(login)}@{place}", path=f"/{login}"))
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, "TENANT_ROLE": f"{login}_tenant"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
