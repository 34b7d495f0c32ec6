"""Folders and processes of the embedded servers' account."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any, Final

from config.embedded.places import Account, EmbeddedServersError, Places

POLL_SECONDS: Final = 0.05


def own_folder(folder: Path, account: Account) -> None:
    """Make a folder of mode 0700 that belongs to the account; one that somebody else laid out is refused."""
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in {os.getuid(), account.uid}:
        raise EmbeddedServersError(f"{folder} belongs to another user: remove it, or set DATABASE_URL and REDIS_URL.")
    if stat.S_IMODE(status.st_mode) != 0o700:
        folder.chmod(0o700)
    if status.st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)


def spawn(places: Places, name: str, binary: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a program as the servers' account, in a session of its own, with its output in `var/<name>.log`."""
    account = places.account
    dropped: dict[str, Any] = {}
    if account.uid != os.getuid():
        dropped = {"user": account.uid, "group": account.gid, "extra_groups": []}
    with (places.var / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            [str(binary), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            # Not the caller's environment: PGDATA and its like would steer the server.
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            start_new_session=True,
            **dropped,
        )


def last_words(places: Places, name: str) -> str:
    """Return the end of a program's log."""
    text = (places.var / f"{name}.log").read_text(encoding="utf-8", errors="replace")
    return "\n".join(text.splitlines()[-8:])
