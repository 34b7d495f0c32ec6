from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from tests.integrations.isolation.databases import connected


@pytest.fixture
def superuser() -> Iterator[BaseDatabaseWrapper]:
    """The administrator of the test server: what production's login is not."""
    with connected("postgres", user="postgres") as wrapper:
        try:
            wrapper.connect()
        except OperationalError:
            pytest.skip("The named test server lets no superuser in.")
        yield wrapper
