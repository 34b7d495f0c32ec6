from __future__ import annotations

import pytest
from django.conf import LazySettings


@pytest.fixture
def public_address(settings: LazySettings) -> None:
    """The address that senders were given, which some of them sign."""
    settings.APP_URL = "https://signalbox.example.com"
