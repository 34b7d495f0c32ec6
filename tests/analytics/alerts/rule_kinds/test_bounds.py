"""Every kind of rule opens and recovers exactly at its bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from analytics.alerts.rule_kinds.base import Finding
from analytics.alerts.rule_kinds.registry import RULE_KINDS, all_rule_kinds, get_rule_kind
from integrations.ids import uuid7
from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant
from tests.analytics.alerts.watches import API, Credentials, Measured, Webhooks, watched
from tests.analytics.calls import call, record

NOW = datetime.now(UTC).replace(second=30, microsecond=0)


def found(kind: str, *, tenant_id: UUID | None = None, now: datetime = NOW, **parameters: int) -> Any:
    """Evaluate a kind with its defaults but for these parameters, of all tenants, or in the scope of one."""
    rule_kind = get_rule_kind(kind)
    every: Any = {"parameters": rule_kind.defaults() | parameters, "tenant_id": tenant_id, "now": now}
    if tenant_id is None:
        return rule_kind.evaluate(**every)
    with tenant_scope(tenant_id):
        return rule_kind.evaluate(**every)


def calls_of(tenant: Tenant, count: int, *, webhook: UUID, minutes_ago: float = 1, **fields: Any) -> None:
    moment = NOW - timedelta(minutes=minutes_ago)
    record([call(tenant_id=tenant.id, target_id=webhook, timestamp=moment, **fields) for _ in range(count)])


def test_every_kind_has_its_bounds_within_its_limits() -> None:
    for kind in all_rule_kinds():
        assert kind.problems_of(kind.defaults()) == {}
        assert kind.description.endswith(".")
        assert kind.objects
    assert [kind.key for kind in all_rule_kinds()] == list(RULE_KINDS)


class TestFailureRate:
    @pytest.mark.parametrize(
        ("succeeded", "failed", "opens"),
        [(80, 20, False), (79, 21, True), (15, 4, False), (15, 5, True), (16, 4, False), (0, 19, False), (0, 20, True)],
    )
    def test_opens_above_its_percentage_and_from_its_number_of_calls_on(
        self, succeeded: int, failed: int, opens: bool, tenant: Tenant, webhooks: Webhooks
    ) -> None:
        webhook = uuid7()
        calls_of(tenant, succeeded, webhook=webhook)
        calls_of(tenant, failed, webhook=webhook, success=False, status_code=500)
        assert [finding.key for finding in found("failure_rate")] == [str(webhook)] * opens
        assert [finding.key for finding in found("failure_rate", tenant_id=tenant.id)] == [str(webhook)] * opens

    @pytest.mark.parametrize(("minutes_ago", "opens"), [(15, True), (16, False)])
    def test_looks_back_to_the_beginning_of_the_windows_first_minute(
        self, minutes_ago: int, opens: bool, tenant: Tenant, webhooks: Webhooks
    ) -> None:
        calls_of(tenant, 20, webhook=uuid7(), minutes_ago=minutes_ago, success=False)
        assert bool(found("failure_rate")) is opens

    def test_retries_do_not_count(self, tenant: Tenant, webhooks: Webhooks) -> None:
        calls_of(tenant, 100, webhook=uuid7(), success=False, is_final=False)
        assert found("failure_rate") == []

    def test_each_webhook_counts_for_itself(self, tenant: Tenant, other_tenant: Tenant, webhooks: Webhooks) -> None:
        bad, good, others = uuid7(), uuid7(), uuid7()
        calls_of(tenant, 20, webhook=bad, success=False)
        calls_of(tenant, 20, webhook=good)
        calls_of(other_tenant, 20, webhook=others, success=False)
        assert {finding.key: finding.tenant_id for finding in found("failure_rate")} == {
            str(bad): tenant.id,
            str(others): other_tenant.id,
        }
        assert [finding.key for finding in found("failure_rate", tenant_id=tenant.id)] == [str(bad)]

    def test_sentence_says_how_much(self, tenant: Tenant, webhooks: Webhooks) -> None:
        webhook = uuid7()
        calls_of(tenant, 60, webhook=webhook)
        calls_of(tenant, 30, webhook=webhook, success=False)
        [finding] = found("failure_rate")
        assert finding == Finding(
            key=str(webhook),
            label="orders",
            tenant_id=tenant.id,
            value=33.3,
            sentence="30 of 90 calls failed in the last 15 minutes: 33.3 %, above 20 %.",
        )

    def test_webhooks_that_are_gone_or_inactive_are_left_out(self, tenant: Tenant, webhooks: Webhooks) -> None:
        webhooks.known = {}
        calls_of(tenant, 20, webhook=uuid7(), success=False)
        assert found("failure_rate") == []

    def test_tenants_that_are_inactive_or_deleted_are_left_out(self, tenant: Tenant, webhooks: Webhooks) -> None:
        calls_of(tenant, 20, webhook=uuid7(), success=False)
        Tenant.objects.update(is_active=False)
        assert found("failure_rate") == []


class TestWebhookLatency:
    @pytest.mark.parametrize(("slow", "opens"), [(0, False), (5, False), (6, True), (100, True)])
    def test_opens_when_more_than_five_percent_are_slower(
        self, slow: int, opens: bool, tenant: Tenant, webhooks: Webhooks
    ) -> None:
        webhook = uuid7()
        calls_of(tenant, 100 - slow, webhook=webhook, response_time_ms=60)
        calls_of(tenant, slow, webhook=webhook, response_time_ms=2_500)
        assert [finding.key for finding in found("webhook_latency")] == [str(webhook)] * opens
        assert bool(found("webhook_latency", tenant_id=tenant.id)) is opens

    @pytest.mark.parametrize(("milliseconds", "bound", "opens"), [(800, 800, False), (801, 800, True), (1, 1, False)])
    def test_opens_above_its_bound(
        self, milliseconds: int, bound: int, opens: bool, tenant: Tenant, webhooks: Webhooks
    ) -> None:
        calls_of(tenant, 20, webhook=uuid7(), response_time_ms=milliseconds)
        assert bool(found("webhook_latency", p95_ms=bound)) is opens

    @pytest.mark.parametrize(("attempts", "opens"), [(19, False), (20, True)])
    def test_needs_its_number_of_attempts(self, attempts: int, opens: bool, tenant: Tenant, webhooks: Webhooks) -> None:
        calls_of(tenant, attempts, webhook=uuid7(), response_time_ms=5_000, is_final=False)
        assert bool(found("webhook_latency")) is opens


class TestAPILatency:
    @pytest.mark.parametrize(
        ("requests", "p95", "opens"),
        [(20, 1.0, False), (20, 1.0005, True), (19, 9.0, False), (0, None, False)],
    )
    def test_opens_above_its_bound_and_from_its_number_of_requests_on(
        self, requests: int, p95: float | None, opens: bool, measured_api: API
    ) -> None:
        measured_api.measured = Measured(requests, p95)
        assert bool(found("api_latency")) is opens
        assert measured_api.minutes == 5

    def test_unmeasured_is_unknown(self, settings: Any) -> None:
        settings.API_LATENCY = "analytics.alerts.ports.unmeasured"
        assert found("api_latency") is None


@pytest.mark.django_db
class TestStates:
    """Kinds whose object is in a state or is not: what the port tells is what is found."""

    @pytest.mark.parametrize("kind", ["webhook_disabled", "breaker_open", "credential_failing", "secret_unreadable"])
    def test_nothing_is_found_where_nothing_is_wrong(
        self, kind: str, webhooks: Webhooks, credentials: Credentials
    ) -> None:
        assert found(kind) == []

    def test_disabled_webhook(self, tenant: Tenant, webhooks: Webhooks) -> None:
        webhooks.disabled = [watched(tenant.id, reason="nothing but failures for days")]
        [finding] = found("webhook_disabled")
        assert (finding.key, finding.tenant_id) == (str(webhooks.disabled[0].id), tenant.id)
        assert finding.sentence == ("The webhook was disabled: nothing but failures for days. Its deliveries are held.")

    @pytest.mark.parametrize(("minutes", "opens"), [(15, False), (15.02, True), (14, False), (600, True)])
    def test_breaker_that_is_open_for_longer_than_its_bound(
        self, minutes: float, opens: bool, tenant: Tenant, webhooks: Webhooks
    ) -> None:
        webhooks.breakers = [watched(tenant.id, since=NOW - timedelta(minutes=minutes))]
        assert bool(found("breaker_open")) is opens

    @pytest.mark.parametrize(("seconds", "opens"), [(60, False), (60.001, True), (0, False)])
    def test_delivery_lag_above_its_bound(
        self, seconds: float, opens: bool, tenant: Tenant, webhooks: Webhooks
    ) -> None:
        webhooks.lag = timedelta(seconds=seconds)
        assert bool(found("delivery_lag")) is opens
        assert [finding.tenant_id for finding in found("delivery_lag", tenant_id=tenant.id)] == [tenant.id] * opens

    def test_failing_credential(self, tenant: Tenant, credentials: Credentials) -> None:
        credentials.broken = [watched(tenant.id, "WhatsApp", reason="its last test failed")]
        [finding] = found("credential_failing")
        assert (finding.label, finding.sentence) == (
            "WhatsApp",
            "The integration does not work: its last test failed.",
        )

    @pytest.mark.parametrize(("left", "opens"), [(7, False), (6.99, True), (0.001, True), (-1, False)])
    def test_credential_that_expires_within_its_days(
        self, left: float, opens: bool, tenant: Tenant, credentials: Credentials
    ) -> None:
        credentials.ending = [watched(tenant.id, "backend", since=NOW + timedelta(days=left), reason="API key")]
        assert bool(found("credential_expiring")) is opens

    def test_unreadable_secret(self, tenant: Tenant, credentials: Credentials) -> None:
        credentials.closed = [watched(tenant.id, "WhatsApp")]
        [finding] = found("secret_unreadable")
        assert finding.label == "WhatsApp"


def test_row_in_a_default_partition(tenant: Tenant) -> None:
    assert found("default_partition") == []
    record([call(tenant_id=tenant.id, id=UUID(int=7))])
    [finding] = found("default_partition")
    assert (finding.key, finding.value, finding.tenant_id) == ("analytics_webhookcall", 1, None)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"percent": 100}, "percent"),
        ({"percent": -1}, "percent"),
        ({"percent": "20"}, "percent"),
        ({"percent": 20.5}, "percent"),
        ({"percent": True}, "percent"),
        ({"percent": None}, "percent"),
        ({"window_minutes": 0}, "window_minutes"),
        ({"speed": 1}, "speed"),
    ],
)
def test_parameters_out_of_their_limits_are_named(given: dict[str, Any], named: str) -> None:
    assert list(get_rule_kind("failure_rate").problems_of(given)) == [named]
