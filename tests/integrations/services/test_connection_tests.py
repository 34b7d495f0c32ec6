"""Testing a connection: what is asked, what is remembered, and what follows for the health."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event
from typing import Any

import pytest
import responses
import time_machine
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, LimitReachedError, NotFoundError
from integrations.models import ActivityLog, Health, Integration, Tenant
from integrations.providers import registry
from integrations.providers.connection_test import TestOutcome
from integrations.providers.outcome import Result
from integrations.services import connection_tests
from integrations.services.connection_tests import check_connection, check_values
from integrations.services.integration_health import TRAFFIC_PAUSE, note_traffic, record_outcome
from integrations.services.integrations import change_integration, create_integration, delete_integration
from tests.integrations.providers.connection_cases.twilio import ACCOUNT, URL
from tests.integrations.providers.tiny import use_tiny_provider

TWILIO = {
    "account_sid": "AC0123456789abcdef0123456789abcdef",
    "auth_token": "0123456789abcdef0123456789abcdef",
    "phone_number": "+15005550006",
}
OUTAGE = {"status": 503, "json": {"code": 20503, "message": "down"}}
REFUSED = {"status": 401, "json": {"code": 20003, "message": "Authenticate"}}


@pytest.fixture
def provider_api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(URL, json=ACCOUNT)
        yield mock


@pytest.fixture
def stored(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)


def now(integration: Integration) -> Integration:
    return Integration.objects.get(id=integration.id)


def answer(mock: responses.RequestsMock, **how: Any) -> None:
    mock.replace("GET", URL, **how)


def changes(integration: Integration) -> list[str]:
    rows = ActivityLog.objects.filter(object_id=integration.id, verb="integration.health_changed").order_by("id")
    return [f"{row.actor_name}: {row.detail}" for row in rows]


def test_success_is_answered_and_recorded(
    stored: Integration, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    report = check_connection(actor=admin_actor, integration=stored)

    assert (report.success, report.result, report.identity, report.cached) == (True, "ok", "Acme", False)
    assert report.message == "Connected as Acme."
    row = now(stored)
    assert (row.health, row.test_result, row.test_identity, row.tested_version) == ("ok", "ok", "Acme", 1)
    assert row.test_data == report.data
    assert (row.version, row.updated_at) == (stored.version, stored.updated_at)
    assert changes(stored) == ["ada: from unknown to ok: ok"]


def test_token_in_the_accounts_answer_reaches_neither_report_row_activity_nor_log(
    stored: Integration, admin_actor: Actor, provider_api: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    # The account's resource holds another token than ours, too: nothing of the answer is taken but what is named.
    answer(provider_api, json={**ACCOUNT, "auth_token": "fedcba9876543210fedcba9876543210"})
    caplog.set_level("DEBUG")

    report = check_connection(actor=admin_actor, integration=stored)

    assert report.success
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT i::text FROM integrations_integration i UNION SELECT a::text FROM integrations_activitylog a"
        )
        rows = str(cursor.fetchall())
    for token in ("fedcba9876543210fedcba9876543210", TWILIO["auth_token"], TWILIO["account_sid"]):
        assert token not in f"{report} {rows} {caplog.text}"


def test_last_result_counts_for_30_seconds_unless_forced(
    stored: Integration, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        first = check_connection(actor=admin_actor, integration=stored)
        clock.shift(29)
        again = check_connection(actor=admin_actor, integration=stored)
        assert again.cached
        assert (again.tested_at, again.message, again.latency_ms) == (first.tested_at, first.message, first.latency_ms)
        assert len(provider_api.calls) == 1
        assert not check_connection(actor=admin_actor, integration=stored, force=True).cached
        assert len(provider_api.calls) == 2
        clock.shift(31)
        assert not check_connection(actor=admin_actor, integration=stored).cached


def test_new_credentials_end_what_was_known_and_a_new_name_does_not(
    stored: Integration, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    check_connection(actor=admin_actor, integration=stored)
    changed_at = now(stored).secret_changed_at
    change_integration(actor=admin_actor, integration=stored, values={}, name="Main account", enabled=False)
    assert check_connection(actor=admin_actor, integration=stored).cached

    change_integration(actor=admin_actor, integration=stored, values={"auth_token": "f" * 32})

    row = now(stored)
    assert (row.health, row.tested_at, row.test_result, row.test_data) == ("unknown", None, "", {})
    assert row.credential_version == 2
    assert row.secret_changed_at is not None
    assert changed_at is not None
    assert row.secret_changed_at > changed_at
    assert not check_connection(actor=admin_actor, integration=stored).cached


def test_secret_changed_at_follows_secrets_alone(stored: Integration, admin_actor: Actor) -> None:
    entered = now(stored).secret_changed_at
    change_integration(actor=admin_actor, integration=stored, values={"phone_number": "+15005550001"})
    assert (now(stored).secret_changed_at, now(stored).credential_version) == (entered, 2)


@pytest.mark.django_db(transaction=True)
def test_test_of_old_credentials_says_nothing_of_new_ones(tenant: Tenant, admin_actor: Actor) -> None:
    stored = create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)
    asked, may_answer = Event(), Event()

    def slow(_: Any) -> tuple[int, dict[str, str], str]:
        asked.set()
        assert may_answer.wait(10)
        return 401, {}, json.dumps(REFUSED["json"])

    def run() -> Any:
        try:
            return check_connection(actor=admin_actor, integration=stored)
        finally:
            connection.close()

    with responses.RequestsMock() as mock, ThreadPoolExecutor(1) as pool:
        mock.add_callback("GET", URL, slow)
        running = pool.submit(run)
        assert asked.wait(10)
        # The row is free while the provider is asked: nothing is held, and the change goes through at once.
        change_integration(actor=admin_actor, integration=stored, values={"auth_token": "f" * 32})
        may_answer.set()
        assert running.result(10).result == "bad_credentials"

    row = now(stored)
    assert (row.health, row.tested_at, row.credential_version) == ("unknown", None, 2)
    assert changes(stored) == []


@pytest.mark.parametrize(
    ("before", "how", "results", "after"),
    [
        ("unknown", REFUSED, ["bad_credentials"], "failing"),
        ("ok", REFUSED, ["bad_credentials"], "failing"),
        ("reauth_required", REFUSED, ["bad_credentials"], "reauth_required"),
        ("ok", OUTAGE, ["provider_down"], "degraded"),
        ("ok", OUTAGE, ["provider_down"] * 5, "degraded"),
        ("failing", OUTAGE, ["provider_down"], "failing"),
        ("reauth_required", OUTAGE, ["provider_down"], "reauth_required"),
        ("ok", {"status": 429, "body": ""}, ["rate_limited"], "ok"),
        ("ok", {"body": "<html>", "content_type": "text/html"}, ["wrong_host"], "degraded"),
        ("ok", {"body": "<html>", "content_type": "text/html"}, ["wrong_host"] * 3, "failing"),
        ("unknown", {"body": "<html>", "content_type": "text/html"}, ["wrong_host"], "failing"),
        ("ok", {"body": ConnectionResetError()}, ["network"] * 5, "degraded"),
        ("degraded", {"json": ACCOUNT}, ["ok"], "ok"),
        ("failing", {"json": ACCOUNT}, ["ok"], "ok"),
    ],
)
def test_outages_degrade_and_only_the_credentials_own_faults_fail(
    stored: Integration,
    admin_actor: Actor,
    provider_api: responses.RequestsMock,
    before: str,
    how: Any,
    results: list[str],
    after: str,
) -> None:
    Integration.objects.filter(id=stored.id).update(health=before)
    answer(provider_api, **how)

    said = [check_connection(actor=admin_actor, integration=stored, force=True).result for _ in results]

    assert said == results
    assert (now(stored).health, now(stored).enabled) == (after, True)
    logged = changes(stored)
    assert bool(logged) == (before != after)
    assert all(line.startswith(f"ada: from {before} to ") for line in logged[:1])
    assert all(line.endswith(f" to {after}: {results[-1]}") for line in logged[-1:])


def test_values_are_tested_without_being_stored(
    tenant: Tenant, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    report = check_values(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)
    assert (report.success, report.identity) == (True, "Acme")
    assert not Integration.objects.exists()
    assert not ActivityLog.objects.filter(verb__startswith="integration.").exists()


def test_blank_secrets_are_those_of_the_named_integration_and_other_values_say_nothing_of_it(
    stored: Integration, tenant: Tenant, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    answer(provider_api, **REFUSED)
    values = {"account_sid": "", "phone_number": "+15005550001"}

    report = check_values(actor=admin_actor, tenant=tenant, provider="twilio", values=values, integration=stored)

    assert report.result == "bad_credentials"
    assert "Authorization" in provider_api.calls[0].request.headers
    assert now(stored).health == "unknown"


def test_values_that_are_the_stored_ones_are_a_test_of_the_integration(
    stored: Integration, tenant: Tenant, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    check_values(
        actor=admin_actor, tenant=tenant, provider="twilio", values={**TWILIO, "auth_token": ""}, integration=stored
    )
    assert now(stored).health == "ok"


def test_wrong_values_are_named_before_anything_is_asked(tenant: Tenant, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        check_values(actor=admin_actor, tenant=tenant, provider="twilio", values={"account_sid": "AC1"})
    assert set(refusal.value.errors) == {
        *("account_sid", "auth_token", "api_key_secret", "phone_number", "messaging_service_sid"),
    }
    with pytest.raises(InvalidInputError, match="no such provider"):
        check_values(actor=admin_actor, tenant=tenant, provider="telegraph", values={})


def test_provider_without_a_test_says_so(tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    use_tiny_provider(monkeypatch)
    with pytest.raises(ConflictError, match="Tiny offers nothing to test a connection with"):
        check_values(actor=admin_actor, tenant=tenant, provider="tiny", values={"pass_phrase": "open sesame"})


def test_integration_that_is_gone_is_not_found(
    stored: Integration, tenant: Tenant, other_tenant: Tenant, admin_actor: Actor
) -> None:
    with pytest.raises(NotFoundError):
        check_values(actor=admin_actor, tenant=other_tenant, provider="twilio", values=TWILIO, integration=stored)
    delete_integration(actor=admin_actor, integration=stored)
    with pytest.raises(NotFoundError):
        check_connection(actor=admin_actor, integration=stored)


@pytest.mark.hand_made_ciphertext
def test_secret_that_does_not_open_marks_the_integration_and_nobody_is_asked(
    stored: Integration, admin_actor: Actor, provider_api: responses.RequestsMock
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_integration SET config = jsonb_set(config, '{auth_token}', config->'account_sid')"
        )
    with pytest.raises(ConflictError, match="The stored auth_token no longer opens: enter it again"):
        check_connection(actor=admin_actor, integration=stored)
    assert now(stored).health == Health.UNREADABLE
    assert len(provider_api.calls) == 0


def test_a_tenant_may_not_hold_all_threads_with_tests(
    stored: Integration, admin_actor: Actor, provider_api: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_tests, "TESTS_PER_MINUTE", 2)
    for _ in range(2):
        check_connection(actor=admin_actor, integration=stored, force=True)
    with pytest.raises(LimitReachedError, match="At most 2 connections"):
        check_connection(actor=admin_actor, integration=stored, force=True)
    assert check_connection(actor=admin_actor, integration=stored).cached


def test_traffic_that_contradicts_the_health_brings_the_next_test_forward(stored: Integration) -> None:
    far = timezone.now() + timedelta(hours=1)

    def noted(health: str, result: str, version: int = 1) -> bool:
        Integration.objects.filter(id=stored.id).update(health=health, test_due_at=far)
        told = note_traffic(
            tenant_id=stored.tenant_id, integration_id=stored.id, credential_version=version, result=Result(result)
        )
        assert (now(stored).test_due_at < far) == told
        return told

    assert noted("ok", "bad_credentials")
    assert noted("failing", "ok")
    assert not noted("ok", "ok")
    assert not noted("failing", "bad_credentials")
    assert not noted("ok", "provider_down")
    assert not noted("ok", "bad_credentials", version=2)
    # What a test has not confirmed a moment ago brings no further one forward until a while has passed.
    Integration.objects.filter(id=stored.id).update(tested_at=timezone.now(), tested_version=1)
    assert not noted("ok", "missing_permission")
    Integration.objects.filter(id=stored.id).update(tested_at=timezone.now() - TRAFFIC_PAUSE)
    assert noted("ok", "missing_permission")
    Integration.objects.filter(id=stored.id).update(tested_at=timezone.now(), tested_version=0)
    assert noted("ok", "missing_permission")
    Integration.objects.filter(id=stored.id).update(enabled=False)
    assert not noted("ok", "bad_credentials")


def test_end_of_credentials_is_forgotten_by_a_test_that_names_none(stored: Integration, admin_actor: Actor) -> None:
    end = timezone.now() + timedelta(days=3)

    def end_after(*, result: Result, expires_at: datetime | None) -> datetime | None:
        outcome = TestOutcome(result, "x", "", {}, 1, expires_at=expires_at)
        recorded = record_outcome(actor=admin_actor, integration=stored, outcome=outcome)
        assert recorded is not None
        return now(stored).expires_at

    assert end_after(result=Result.OK, expires_at=end) == end
    # One that fails says nothing of it.
    assert end_after(result=Result.PROVIDER_DOWN, expires_at=None) == end
    assert end_after(result=Result.OK, expires_at=None) is None


def test_made_up_provider_is_one_folder_and_one_line(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.PROVIDERS, "smoke", "tests.integrations.providers.smoke.provider.smoke")
    with responses.RequestsMock() as mock:
        mock.get("https://api.smoke.example.com/me", json={"name": "Fire"})
        report = check_values(actor=admin_actor, tenant=tenant, provider="smoke", values={"signal": "three puffs"})
    assert (report.result, report.message) == ("ok", "Connected as Fire.")
