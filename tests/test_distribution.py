"""How the suite is spread over processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.distribution import pytest_collection_modifyitems, unit_of


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/webhooks/test_calls.py::test_one[a::b]", "tests/webhooks/test_calls.py"),
        ("tests/webhooks/test_calls.py::TestThem::test_one", "tests/webhooks/test_calls.py"),
        ("tests/browser/test_alerts.py::test_one", "tests/browser/"),
        ("tests/browser/test_receivers.py::test_one", "tests/browser/"),
    ],
)
def test_hands_out_modules_and_those_that_share_a_site_as_one(nodeid: str, unit: str) -> None:
    assert unit_of(nodeid) == unit


@dataclass(frozen=True)
class _Item:
    path: Path
    name: str
    marks: tuple[str, ...] = ()

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None


def test_modules_that_wait_come_first_and_whole() -> None:
    quick, waiting, last = Path("test_quick.py"), Path("test_waiting.py"), Path("test_last.py")
    items = [
        _Item(quick, "one"),
        _Item(waiting, "one"),
        _Item(quick, "two"),
        _Item(waiting, "two", ("processes",)),
        _Item(last, "one", ("browser",)),
    ]

    pytest_collection_modifyitems(items)

    assert [(item.path, item.name) for item in items] == [
        (waiting, "one"), (waiting, "two"), (last, "one"), (quick, "one"), (quick, "two"),
    ]  # fmt: skip
