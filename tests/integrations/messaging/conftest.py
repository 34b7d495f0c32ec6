from __future__ import annotations

import pytest

from integrations.models import Integration, Tenant
from tests.integrations.messaging.carrier import use_carrier
from tests.message_steps import connect


@pytest.fixture(autouse=True)
def _carrier(monkeypatch: pytest.MonkeyPatch) -> None:
    use_carrier(monkeypatch)


@pytest.fixture
def integration(tenant: Tenant) -> Integration:
    return connect(tenant)
