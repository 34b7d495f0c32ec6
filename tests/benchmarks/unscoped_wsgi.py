"""The web application without row-level security: what isolation costs is the difference. For benchmarks alone.

A tenant's scope is only a transaction here, in which every statement runs as the tables' owner. The product has no
setting for that, and must not have one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import transaction

from config.wsgi import application as application
from integrations.isolation import scope


@contextmanager
def _only_a_transaction(_settings: Mapping[str, str]) -> Iterator[None]:
    with transaction.atomic():
        yield


scope.transaction_settings = _only_a_transaction  # type: ignore[assignment]
