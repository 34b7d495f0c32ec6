"""The way past the activity log's trigger, for the two deeds that may change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from integrations.isolation.transaction_settings import transaction_settings


@contextmanager
def activity_maintenance() -> Iterator[None]:
    """Let the block, a transaction, update and delete activity entries; the trigger refuses it everywhere else.

    For the removal of a tenant's rows and for the erasure of a person's name and address. Not for corrections: an
    entry that is wrong is followed by one that is right.
    """
    with transaction_settings({"sb.activity_maintenance": "on"}):
        yield
