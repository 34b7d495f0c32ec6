"""Waiting for locks in short steps: whoever queues up behind us waits half a second at most, then goes first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from django.db import OperationalError

from integrations.isolation.transaction_settings import transaction_settings

# A writer holds its key's row at most as long as a transaction may be idle, which is a minute.
LOCK_MILLISECONDS: Final = 500
PATIENCE_SECONDS: Final = 120.0
_PAUSE_SECONDS: Final = 0.05
_LOCK_NOT_AVAILABLE: Final = "55P03"

Result = TypeVar("Result")


class LockedTooLongError(Exception):
    """Somebody else's transaction did not end within two minutes."""


@contextmanager
def brief_lock_waits() -> Iterator[None]:
    """Open a transaction of its own in which no lock is waited for longer than half a second."""
    with transaction_settings({"lock_timeout": f"{LOCK_MILLISECONDS}ms"}, durable=True):
        yield


def is_lock_timeout(error: OperationalError) -> bool:
    return getattr(error.__cause__, "sqlstate", None) == _LOCK_NOT_AVAILABLE


def patiently(step: Callable[[], Result]) -> Result:
    """Return what `step` returns, which is repeated as long as it ends in a lock timeout.

    Raises LockedTooLongError after two minutes, and what `step` raises otherwise.
    """
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return step()
        except OperationalError as error:
            if not is_lock_timeout(error):
                raise
            if time.monotonic() > give_up_at:
                raise LockedTooLongError from None
            time.sleep(_PAUSE_SECONDS)
