"""Real servers and processes for the fault tests, and the matrix at the end of the run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.breakable_servers import BreakableServers
from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row, as_table
from tests.faults.scene import Scene
from tests.receiver import Receiver

ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture(scope="session")
def servers() -> Iterator[BreakableServers]:
    folder = Path(tempfile.mkdtemp(prefix="signalbox-faults-", dir="/tmp"))
    folder.chmod(0o711)  # as root, the servers' account passes through
    with BreakableServers(folder) as running:
        yield running


@pytest.fixture(scope="session")
def running_site(servers: BreakableServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultSite]:
    with FaultSite(tmp_path_factory.mktemp("faults"), servers) as running:
        yield running


@pytest.fixture
def site(running_site: FaultSite) -> Iterator[FaultSite]:
    yield running_site
    running_site.tidy_up()


@pytest.fixture
def scene(site: FaultSite, receiver: Receiver) -> Scene:
    return Scene(site, receiver)


@pytest.fixture
def report(scene: Scene, pytestconfig: pytest.Config) -> Callable[..., Row]:
    """Take the scene's account (`Scene.account`) and put it into the matrix."""

    def add(fault: str, **measured: Any) -> Row:
        row = scene.account(fault, **measured)
        pytestconfig.stash.setdefault(ROWS, []).append(row)
        return row

    return add


@pytest.fixture
def note(pytestconfig: pytest.Config) -> Callable[[Row], Row]:
    """Put a row into the matrix that a test has counted itself."""

    def add(row: Row) -> Row:
        pytestconfig.stash.setdefault(ROWS, []).append(row)
        return row

    return add


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if rows := config.stash.get(ROWS, []):
        terminalreporter.section("fault matrix")
        for line in as_table(rows):
            terminalreporter.write_line(line)
