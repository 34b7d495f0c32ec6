"""The suite's own PostgreSQL and Redis: a pytest plugin, loaded by `-p tests.servers` before pytest-django reads the settings.

The controlling process (xdist's, or the only one) starts both on temporary data and exports their URLs; xdist's workers inherit them, use a
test database each (pytest-django) and a Redis database each. `SIGNALBOX_TEST_DATABASE_URL` and `SIGNALBOX_TEST_REDIS_URL` name real
servers instead. Both are stopped at the end, after Ctrl-C too; what a killed run left behind, the next run removes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from config.embedded import EmbeddedServers, FolderInUseError
from config.embedded.places import places_of
from tests.template_database import VARIABLE, drop_template

_FOLDERS = Path("/tmp")
_PREFIX = "signalbox-tests-"
# Variables of the developer's shell or `.env` that would change what the tests see. Empty means unset to `config.environment`.
_CLEARED = (
    "ANALYTICS_ARCHIVE_DIR", "ANALYTICS_PAYLOAD_RETENTION_DAYS", "ANALYTICS_RETENTION_DAYS",
    "API_KEY_PEPPER_PREVIOUS", "APP_URL", "DEFAULT_FROM_EMAIL", "ENCRYPTION_KEYS_PREVIOUS", "INTEGRATION_ENCRYPTION_KEY", "LOG_LEVEL", "OUTBOUND_ALLOWED_NETWORKS",
    "PORT", "SESSION_SECRET", "SMTP_HOST", "TENANT_DELIVERIES_PER_MINUTE", "TENANT_REQUESTS_PER_HOUR", "TENANT_ROLE", "TRUSTED_PROXIES",
    "WEBHOOK_DEFAULT_RETRY_SCHEDULE",
    "LOGIN_FAILURES_PER_ADDRESS", "LOGIN_FAILURES_PER_USER", "LOGIN_FAILURE_MINUTES", "MESSAGE_CONTENT_DAYS", "MESSAGE_RETENTION_DAYS", "METRICS_TOKEN", "READY_MAX_DELIVERY_LAG", "REQUIRE_STAFF_TOTP", "SESSION_HOURS",
    "SESSION_IDLE_MINUTES",
    "PYTHONDONTWRITEBYTECODE",  # or each process of the run would compile everything anew, and a hundred are started
)  # fmt: skip


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the servers, or take the controller's, before any other plugin or conftest imports the settings."""
    worker = os.environ.get("PYTEST_XDIST_WORKER")
    if worker:
        os.environ["REDIS_URL"] = redis_database(os.environ["REDIS_URL"], int(worker.removeprefix("gw")) + 1)
    else:
        stack = ExitStack()
        early_config.add_cleanup(stack.close)
        os.environ.update(stack.enter_context(site_environment()))
        if os.environ.get("SIGNALBOX_TEST_DATABASE_URL"):
            stack.callback(drop_template, os.environ["DATABASE_URL"])
    return (yield)


@contextmanager
def site_environment() -> Iterator[dict[str, str]]:
    """Give the variables of a development site on the run's servers, with keys of its own."""
    keys = {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "ENCRYPTION_KEY": secrets.token_hex(32),
        "API_KEY_PEPPER": secrets.token_hex(32),
    }
    with temporary_servers() as (database_url, redis_url):
        urls = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, VARIABLE: f"migrated_{secrets.token_hex(6)}"}
        yield dict.fromkeys(_CLEARED, "") | {"ENVIRONMENT": "development"} | keys | urls


@contextmanager
def temporary_servers() -> Iterator[tuple[str, str]]:
    """Give the URLs of PostgreSQL and Redis for one run: the named real ones, else temporary ones."""
    database, broker = (os.environ.get(f"SIGNALBOX_TEST_{name}_URL", "") for name in ("DATABASE", "REDIS"))
    if database and broker:
        yield database, broker
        return
    _remove_left_behind()
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_FOLDERS))
    folder.chmod(0o711)  # as root, the servers' account passes through
    try:
        with EmbeddedServers(folder, durable=False) as servers:
            yield database or servers.start_postgres(), broker or servers.start_redis()
    finally:
        remove(folder)


def redis_database(url: str, number: int) -> str:
    """Return the URL of another database of the same Redis."""
    if url.startswith("redis+socket://"):
        return f"{url.partition('?')[0]}?virtual_host={number}"
    return f"{url.rstrip('/').rpartition('/')[0] if url.count('/') > 2 else url}/{number}"


def remove(var_dir: Path) -> None:
    """Delete everything that embedded servers wrote for this folder."""
    places = places_of(var_dir)
    for folder in {places.data, places.sockets, places.home, places.var}:
        shutil.rmtree(folder, ignore_errors=True)


def _remove_left_behind() -> None:
    for folder in _FOLDERS.glob(f"{_PREFIX}*"):
        if folder.lstat().st_uid != os.getuid() or not (folder / "embedded.lock").exists():
            continue
        try:
            with EmbeddedServers(folder, durable=False):
                pass  # leaving stops whatever runs there
        except FolderInUseError:
            continue  # another run's
        remove(folder)


if __name__ == "__main__":  # python -m tests.servers COMMAND …: run a command on temporary servers
    with site_environment() as environment:
        code = subprocess.run(sys.argv[1:], env=os.environ | environment, check=False).returncode
    sys.exit(code)
