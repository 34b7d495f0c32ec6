from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running_site import RunningSite


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    folder: Path = tmp_path_factory.mktemp("site")
    with RunningSite(folder) as running:
        yield running
