"""How xdist spreads the suite over processes: a pytest plugin, loaded by `-p tests.distribution`.

Work is handed out in whole modules, so that what a module makes once is made once. Those that start processes and mostly
wait for them come first, and one process more than there are cores tests, so that others compute meanwhile. So do those
that send generated requests for a minute: a long one that came last would keep one process busy while the others have
nothing left to do.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest

try:
    from xdist.scheduler import LoadScopeScheduling
except ImportError:  # pragma: no cover  (the suite runs without, in one process)
    LoadScopeScheduling = object

_FIRST = ("browser", "e2e", "processes", "fuzz")
# These share one site: see its conftest.
_TOGETHER = "tests/browser/"


class ModuleScheduling(LoadScopeScheduling):
    """Hand out modules in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid)


def unit_of(nodeid: str) -> str:
    """Return the name of what is handed out as one: the test's module, or the folder whose modules share a site."""
    return _TOGETHER if nodeid.startswith(_TOGETHER) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ModuleScheduling | None:
    """Take the place of xdist's own choice, unless another `--dist` is asked for."""
    if config.getoption("dist") != "load":
        return None
    config.option.loadscopereorder = False
    return ModuleScheduling(config, log)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers() -> Generator[None, int, int]:
    """Let `-n auto` mean one more than the cores."""
    count = yield
    return count if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ else count + 1


@pytest.hookimpl(trylast=True)  # pytest-django sorts by what a test does to the database, and would have them last
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    modules = {item.path for item in items if any(item.get_closest_marker(name) for name in _FIRST)}
    items.sort(key=lambda item: item.path not in modules)
