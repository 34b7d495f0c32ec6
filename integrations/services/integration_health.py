"""What tests say about an integration: its health, and the record of the last test.

Health is fed by tests that people ask for, by the sweep, and by real traffic, which does no more than bring the next test
forward (`note_traffic`). What is written belongs to the credentials that were tested: a result that comes when others
are stored already is dropped. Nothing here switches an integration off.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.isolation.scope import tenant_scope
from integrations.models import Health, Integration
from integrations.providers.connection_test import TestOutcome
from integrations.providers.outcome import TRANSIENT, Result

# So many tests in a row must fail before a working integration is called failing for what may be the provider's fault.
FAILURES_BEFORE_FAILING: Final = 3
TRAFFIC_PAUSE: Final = timedelta(minutes=5)
_AMBIGUOUS: Final = frozenset({Result.WRONG_HOST, Result.TLS, Result.MISSING_PERMISSION})
_RECORDED: Final = (
    *("health", "tested_at", "tested_version", "test_result", "test_message", "test_identity", "test_data"),
    *("test_latency_ms", "test_failures", "test_due_at", "expires_at"),
)


def health_after(result: Result, *, health: str, failures: int) -> str:
    """Return the health after a test; `failures` counts those in a row, this one included.

    Limits and outages say nothing about credentials: they degrade what was well, and leave alone what was not. What may
    be the provider's passing fault (a maintenance page instead of the API, a certificate that ran out) degrades first,
    and is a failure at once only of what never worked.
    """
    if result is Result.OK:
        return Health.OK
    if result in TRANSIENT:
        if result is Result.RATE_LIMITED or health not in {Health.OK, Health.UNKNOWN}:
            return health
        return Health.DEGRADED
    if result in _AMBIGUOUS and health in {Health.OK, Health.DEGRADED} and failures < FAILURES_BEFORE_FAILING:
        return Health.DEGRADED
    return Health.REAUTH_REQUIRED if health == Health.REAUTH_REQUIRED else Health.FAILING


def record_outcome(
    *,
    actor: Actor,
    integration: Integration,
    outcome: TestOutcome,
    next_test_in: timedelta | None = None,
) -> Integration | None:
    """Store the outcome of a test of `integration` as it was loaded, and what follows for its health.

    Returns the row as it is then; None when it is gone or its credentials are others by now, and nothing was written. A
    health that changes is one entry of the activity log. `next_test_in` puts off the sweep's next test.
    """
    tested_version = integration.credential_version
    with tenant_scope(integration.tenant_id):
        rows = Integration.objects.filter(tenant_id=integration.tenant_id, credential_version=tested_version)
        current = rows.select_for_update().filter(id=integration.id).order_by("id").first()
        if current is None:
            return None
        before = current.health
        now = timezone.now()
        current.test_failures = 0 if outcome.success else min(current.test_failures + 1, 1000)
        current.health = health_after(outcome.result, health=before, failures=current.test_failures)
        current.tested_at, current.tested_version = now, tested_version
        current.test_result, current.test_message = outcome.result, outcome.message
        current.test_identity, current.test_data = outcome.identity, outcome.data
        current.test_latency_ms = outcome.latency_ms
        if outcome.success or outcome.expires_at is not None:
            # A test that succeeds knows all there is: that it names no end means that there is none.
            current.expires_at = outcome.expires_at
        if next_test_in is not None:
            current.test_due_at = now + next_test_in
        current.save(update_fields=_RECORDED)
        if current.health != before:
            record_activity(
                actor=actor,
                verb="integration.health_changed",
                target=current,
                tenant_id=current.tenant_id,
                changed_fields=["health"],
                detail=f"from {before} to {current.health}: {outcome.result}",
            )
    return current


def note_traffic(*, tenant_id: UUID, integration_id: UUID, credential_version: int, result: Result) -> bool:
    """Bring the next test forward when a real call contradicts the health; return whether it did.

    For everyone who calls a provider on behalf of a tenant, once the answer is in and outside of any transaction, with the
    `credential_version` of the row whose values the call used. `result` is `Result.OK` or that of the `ProviderError`;
    limits, outages and broken connections say nothing of credentials and are ignored.

    One guarded update, so that callers may call it for every request: nothing is written while the two agree, and what a
    test cannot confirm, such as a right that only sending needs, brings one forward every `TRAFFIC_PAUSE` at most.
    """
    if result in TRANSIENT:
        return False
    now = timezone.now()
    with tenant_scope(tenant_id):
        rows = Integration.objects.filter(
            tenant_id=tenant_id, id=integration_id, credential_version=credential_version, enabled=True
        )
        agreeing = [Health.OK] if result is Result.OK else [Health.FAILING, Health.REAUTH_REQUIRED]
        settled = Q(tested_at__gt=now - TRAFFIC_PAUSE, tested_version=credential_version)
        contradicted = rows.exclude(health__in=agreeing).exclude(settled).filter(test_due_at__gt=now)
        return contradicted.update(test_due_at=now) > 0


def bring_tests_forward(integration_ids: Iterable[UUID]) -> int:
    """Let the sweep test these next, of whatever tenants; return how many it will: disabled ones are left out."""
    with transaction.atomic():
        rows = Integration.objects.filter(id__in=list(integration_ids), enabled=True)
        return rows.update(test_due_at=timezone.now())
