"""Testing all enabled integrations again and again, the oldest test first, spread over the interval.

Which are due stands in their rows. A worker takes a few at a time and pushes their next test away for as long as it may
take (a lease), so that several workers share the work, and one that dies loses nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import structlog
from django.conf import settings
from django.db import close_old_connections, connection, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.encryption.errors import EncryptionError
from integrations.errors import ServiceError
from integrations.models import Integration
from integrations.providers.base import Capability
from integrations.providers.connection_test import TestOutcome
from integrations.providers.registry import all_providers, get_provider
from integrations.services.connection_tests import outcome_of
from integrations.services.integration_health import record_outcome
from integrations.services.oauth_tokens import up_to_date

logger = structlog.get_logger(__name__)

AT_ONCE: Final = 4
RUN_SECONDS: Final = 45.0
# Longer than the longest test takes.
_LEASE: Final = timedelta(minutes=2)
_SPREAD: Final = 0.1


def sweep_connections(*, run_seconds: float = RUN_SECONDS, at_once: int = AT_ONCE) -> int:
    """Test what is due and return how many were tested. May run beside itself.

    Begins none after `run_seconds`; the next run goes on. Does nothing while `CONNECTION_TEST_MINUTES` is 0.
    """
    if not settings.CONNECTION_TEST_MINUTES:
        return 0
    ends_at = time.monotonic() + run_seconds
    with ThreadPoolExecutor(at_once, thread_name_prefix="connection-sweep") as pool:
        return sum(sum(pool.map(_test, batch)) for batch in _batches(ends_at, at_once))


def _batches(ends_at: float, size: int) -> Iterator[list[Integration]]:
    while time.monotonic() < ends_at and (batch := _claim(size)):
        yield batch


def _claim(size: int) -> list[Integration]:
    """Take the integrations that are due longest, and keep other workers from them for the lease."""
    testable = [provider.key for provider in all_providers() if provider.can(Capability.TEST)]
    now = timezone.now()
    with transaction.atomic():
        # As the owner: the worker looks across tenants. `of`: the tenant's row is not ours to lock.
        due = Integration.objects.filter(
            enabled=True, test_due_at__lte=now, provider__in=testable, tenant__is_active=True, tenant__deleted_at=None
        )
        batch = list(due.select_for_update(skip_locked=True, of=("self",)).order_by("test_due_at")[:size])
        Integration.objects.filter(id__in=[row.id for row in batch]).update(test_due_at=now + _LEASE)
    return batch


def _test(integration: Integration) -> bool:
    """Test one, in a thread of its own. An integration that cannot be tested holds up no other."""
    try:
        integration = up_to_date(integration)
        outcome = outcome_of(get_provider(integration.provider), integration)
        record_outcome(
            actor=Actor.system("connection sweep"),
            integration=integration,
            outcome=outcome,
            next_test_in=_pause(outcome),
        )
    except Exception as error:  # whatever it is, it must not keep the others from being tested
        if isinstance(error, ServiceError | EncryptionError):
            logger.warning("connection_not_tested", integration_id=str(integration.id), reason=type(error).__name__)
        else:
            logger.exception("connection_not_tested", integration_id=str(integration.id))
        with transaction.atomic():
            Integration.objects.filter(id=integration.id).update(test_due_at=timezone.now() + _pause(None))
        return False
    else:
        return True
    finally:
        close_old_connections()
        connection.close()


def _pause(outcome: TestOutcome | None) -> timedelta:
    """Return how long until the next test: the interval give or take a tenth, longer if the provider asks for it."""
    seconds = settings.CONNECTION_TEST_MINUTES * 60 * random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311
    return timedelta(seconds=max(seconds, (outcome.retry_after if outcome else None) or 0))
