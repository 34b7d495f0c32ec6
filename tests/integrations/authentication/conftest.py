from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integrations.authentication.log_in_steps import forget_failures


@pytest.fixture(autouse=True)
def _no_failures_of_other_tests() -> Iterator[None]:
    forget_failures()
    yield
    forget_failures()
