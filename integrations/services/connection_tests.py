"""Testing a connection: of values before they are saved, and of a stored integration.

What is needed is read in one tenant scope, the provider is asked outside of any, and what came of it is written in
another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.unreadable import mark_unreadable
from integrations.errors import ConflictError, InvalidInputError, LimitReachedError, NotFoundError
from integrations.models import Integration, Tenant
from integrations.providers.base import Capability, Provider
from integrations.providers.connection_test import TestOutcome, run_connection_test
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.providers.values import Values
from integrations.services.integration_health import record_outcome
from integrations.services.integration_values import merge
from integrations.services.integrations import work_of
from integrations.services.oauth_tokens import up_to_date
from integrations.sliding_window import Limit, SlidingWindow

CACHED_FOR: Final = timedelta(seconds=30)
TESTS_PER_MINUTE: Final = 60
"""Of one tenant: each may hold a web thread for as long as a provider takes to answer."""


@dataclass(frozen=True, slots=True)
class TestReport:
    """What a test came to, for people. `cached`: it is the last one, less than 30 seconds old."""

    __test__ = False

    success: bool
    result: str
    message: str
    data: dict[str, object]
    identity: str
    latency_ms: int
    tested_at: datetime
    cached: bool


def check_values(
    *,
    actor: Actor,
    tenant: Tenant,
    provider: str,
    values: Mapping[str, object],
    integration: Integration | None = None,
) -> TestReport:
    """Test values that are not stored; secrets that are missing or blank are those of `integration`, if one is given.

    When they are just what `integration` has, this is a test of it, and counts as one. Raises what `create_integration`
    raises for wrong values, ConflictError for a provider that cannot be tested or a stored secret that does not open,
    LimitReachedError, NotFoundError when tenant or integration are gone.
    """
    declared = testable(provider)
    with work_of(tenant.id):
        current = _current(integration) if integration is not None else None
    is_same = current is not None and current.provider == declared.key
    stored = current.config if current is not None and is_same else {}
    try:
        merged, problems = merge(declared, given=values, stored=stored, keep_public=False)
        if problems:
            raise InvalidInputError(problems)
        opened = Values.revealed(declared, merged.config)
    except UnreadableSecretError as error:
        raise unreadable_conflict(error) from None
    _spend(tenant.id)
    outcome = run_connection_test(declared, opened)
    recorded = None
    if current is not None and is_same and not merged.changed:
        recorded = record_outcome(actor=actor, integration=current, outcome=outcome)
    return _report(outcome, recorded)


def check_connection(*, actor: Actor, integration: Integration, force: bool = False) -> TestReport:
    """Test a stored integration, disabled ones too; what it comes to is its health.

    The last result counts for 30 seconds while the credentials stay the same, unless `force`. Raises as `check_values`.
    """
    declared = testable(integration.provider)
    with work_of(integration.tenant_id):
        current = _current(integration)
    if not force and (known := _cached(current)) is not None:
        return known
    _spend(current.tenant_id)
    current = up_to_date(current)
    outcome = outcome_of(declared, current)
    return _report(outcome, record_outcome(actor=actor, integration=current, outcome=outcome))


def outcome_of(provider: Provider, integration: Integration) -> TestOutcome:
    """Ask the provider with an integration's stored values, outside of any transaction; nothing is written.

    Raises ConflictError, and marks the integration, when a secret does not open; KeyNotAtHandError when this process
    lacks the key.
    """
    try:
        values = Values.revealed(provider, integration.config)
    except UnreadableSecretError as error:
        raise unreadable_conflict(error) from None
    return run_connection_test(provider, values)


def testable(key: str) -> Provider:
    """Return the provider with this key. Raises InvalidInputError for none, ConflictError where it cannot be tested."""
    try:
        provider = get_provider(key)
    except UnknownProviderError:
        raise InvalidInputError({"provider": ["There is no such provider."]}) from None
    if not provider.can(Capability.TEST):
        raise ConflictError(f"{provider.label} offers nothing to test a connection with.")
    return provider


testable.__test__ = False  # type: ignore[attr-defined]  # no test, whatever its name looks like to pytest


def _current(integration: Integration) -> Integration:
    rows = Integration.objects.filter(tenant_id=integration.tenant_id, owner_id=integration.owner_id)
    current = rows.filter(id=integration.id).first()
    if current is None:
        raise NotFoundError("The integration does not exist any more.")
    return current


def _cached(integration: Integration) -> TestReport | None:
    if integration.tested_at is None or integration.tested_version != integration.credential_version:
        return None
    if not timedelta(0) <= timezone.now() - integration.tested_at < CACHED_FOR:
        return None
    return TestReport(
        success=integration.test_result == "ok",
        result=integration.test_result,
        message=integration.test_message,
        data=dict(integration.test_data),
        identity=integration.test_identity,
        latency_ms=integration.test_latency_ms or 0,
        tested_at=integration.tested_at,
        cached=True,
    )


def _report(outcome: TestOutcome, recorded: Integration | None) -> TestReport:
    return TestReport(
        success=outcome.success,
        result=outcome.result,
        message=outcome.message,
        data=outcome.data,
        identity=outcome.identity,
        latency_ms=outcome.latency_ms,
        tested_at=(recorded.tested_at if recorded else None) or timezone.now(),
        cached=False,
    )


def unreadable_conflict(error: UnreadableSecretError) -> ConflictError:
    """Mark the integration whose secret does not open, and return what to say of it."""
    mark_unreadable(error)
    return ConflictError(f"The stored {error.json_key or 'secret'} no longer opens: enter it again.")


def _spend(tenant_id: UUID) -> None:
    """Count a test; while Redis is away, all pass."""
    taken = _counts(settings.REDIS_PY_URL).take([Limit("tests", f"signalbox:tests:{{{tenant_id}}}", TESTS_PER_MINUTE)])
    if taken is not None and not taken.allowed:
        message = f"At most {TESTS_PER_MINUTE} connections of a tenant are tested in a minute."
        raise LimitReachedError(message, max(1, taken.standings[0].wait))


@cache
def _counts(url: str) -> SlidingWindow:
    return SlidingWindow(url, window=60)
