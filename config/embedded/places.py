"""Where the embedded servers keep data and sockets, which account runs them, and how to reach them.

Everything here only looks: settings call `database_url` and `redis_url` on every start, so nothing is created and nothing is started.
`config.embedded.servers` starts and stops.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

DATABASE: Final = "signalbox"
LOGIN: Final = "signalbox"
ID_FILE: Final = "embedded.id"

# A socket address holds about 107 bytes; PostgreSQL's `/.s.PGSQL.5432.lock` and Redis' `/redis.sock` follow the folder's name.
_MOST_SOCKET_FOLDER_BYTES: Final = 89
# Characters that need no quoting in a URL, nor in PostgreSQL's list of socket folders.
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._-]+")
# Existing accounts that PostgreSQL, which refuses to run as root, may run as; the first that the machine knows.
_UNPRIVILEGED_ACCOUNTS: Final = ("postgres", "nobody", "daemon")


class EmbeddedServersError(Exception):
    """The embedded servers cannot run; the message is a sentence for the person at the terminal."""


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the servers run as."""

    uid: int
    gid: int
    name: str


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of one project's embedded servers."""

    var: Path
    """The project's own folder: the lock and the logs."""
    data: Path
    """PostgreSQL's data."""
    sockets: Path
    """Both servers' sockets; its mode 0700 is what keeps other users out."""
    account: Account
    """Who owns data and sockets and runs the servers."""

    @property
    def home(self) -> Path:
        """The folder of the data: `var`, or one under `/var/tmp`."""
        return self.data.parent

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"


def database_url(var_dir: Path) -> str:
    """Return the URL of the embedded PostgreSQL, for Django and for libpq; nothing is started."""
    return f"postgresql://{LOGIN}@/{DATABASE}?host={places_of(var_dir).sockets}"


def redis_url(var_dir: Path) -> str:
    """Return the URL of the embedded Redis, as Celery writes it; `?virtual_host=N` picks another of its databases."""
    return f"redis+socket://{places_of(var_dir).redis_socket}"


def places_of(var_dir: Path) -> Places:
    """Return where the servers of the project with this `var` folder live.

    Normally in `var` itself. As root, whose account for the servers may be unable to enter the checkout (`/root` is 0700), under
    `/var/tmp`: opening the parents for everyone would be the wrong way round. Data that exist decide, so that a folder's changed
    mode does not make them disappear. Sockets move to `/tmp` where the path is too long for a socket's address.

    Folders elsewhere are named after the path and `var/embedded.id`, which the launcher writes: a new checkout in the place of a
    deleted one does not find the old one's data, whose keys are gone, and a copy of a checkout does not share the original's.
    """
    var = var_dir.absolute()
    mark = f"signalbox-{os.getuid()}-{_identity(var)}"
    elsewhere = Path("/var/tmp") / mark  # noqa: S108  (its owner and mode are checked before use)
    account = _account([var / "postgres", elsewhere / "postgres"])
    if can_enter(var, account):
        home = var if (var / "postgres").exists() or not (elsewhere / "postgres").exists() else elsewhere
    else:
        home = elsewhere
    sockets = home / "run"
    if len(os.fsencode(sockets)) > _MOST_SOCKET_FOLDER_BYTES or not _PLAIN_PATH.fullmatch(str(sockets)):
        sockets = Path("/tmp") / mark  # noqa: S108  (its owner and mode are checked before use)
    return Places(var=var, data=home / "postgres", sockets=sockets, account=account)


def _identity(var: Path) -> str:
    id_file = var / ID_FILE
    own = id_file.read_bytes() if id_file.exists() else b""
    return hashlib.sha256(os.fsencode(os.path.realpath(var)) + b"\0" + own).hexdigest()[:12]


def can_enter(path: Path, account: Account) -> bool:
    """Say whether the account may pass through `path` and every folder above it, judged by owner and mode."""
    if account.uid == os.getuid():
        return True
    return all(_may_pass(folder.stat(), account) for folder in [path, *path.parents] if folder.exists())


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == account.gid else stat.S_IXOTH))


def _account(data_folders: list[Path]) -> Account:
    """Return the caller's account; for root the owner of the data that exist, else an unprivileged account of the machine."""
    if os.getuid() != 0:
        return _account_of(pwd.getpwuid(os.getuid()))
    for folder in data_folders:
        if folder.exists() and (owner := folder.stat().st_uid) != 0:
            return _account_of(pwd.getpwuid(owner))
    for name in _UNPRIVILEGED_ACCOUNTS:
        try:
            return _account_of(pwd.getpwnam(name))
        except KeyError:
            continue
    raise EmbeddedServersError(
        "PostgreSQL does not run as root and this machine has none of the accounts "
        f"{', '.join(_UNPRIVILEGED_ACCOUNTS)}: run as an ordinary user, or set DATABASE_URL and REDIS_URL."
    )


def _account_of(entry: pwd.struct_passwd) -> Account:
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)
