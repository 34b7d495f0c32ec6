"""Access tokens: one renewal for everybody who waits for it, against a real OAuth server whose refresh tokens rotate."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.credential_watch import watch
from integrations.models import ActivityLog, CredentialVersion, Integration, OAuthGrant
from integrations.providers.outcome import ProviderError, Result
from integrations.services import oauth_tokens
from integrations.services.integrations import change_integration
from integrations.services.oauth_tokens import ReauthRequiredError, access_token, fresh_values
from tests.oauth_server import CLIENT_SECRET, OAuthServer, as_json

pytestmark = pytest.mark.django_db(transaction=True)
Connected = Callable[..., Integration]


def grant_of(integration: Integration) -> OAuthGrant:
    return OAuthGrant.objects.get(integration_id=integration.id)


def stored(integration: Integration, name: str) -> str:
    return str(Integration.objects.get(id=integration.id).config[name].reveal())


def test_fifty_users_of_one_expired_token_make_one_refresh(connected: Connected, server: OAuthServer) -> None:
    integration, server.delay = connected(), 0.3
    barrier = threading.Barrier(50)

    def use(_: int) -> str:
        try:
            barrier.wait(timeout=20)
            return access_token(integration)
        finally:
            connection.close()

    with ThreadPoolExecutor(50) as pool:
        tokens = set(pool.map(use, range(50)))

    assert len(server.refreshes()) == 1
    assert tokens == {stored(integration, "access_token")}
    assert tokens <= server.state.access_tokens
    # The server gave another refresh token, and that one is stored: the next renewal works.
    assert server.state.grants[stored(integration, "refresh_token")].ended is False
    assert access_token(integration, rejected=tokens.pop()) == stored(integration, "access_token")
    assert len(server.refreshes()) == 2


def test_token_that_still_works_costs_no_request(connected: Connected, server: OAuthServer) -> None:
    integration = connected(ended=False)
    assert access_token(integration) == stored(integration, "access_token")
    assert server.token_requests == []


def test_token_and_what_is_known_of_it_are_read_in_one_statement(connected: Connected) -> None:
    # One after the other, the token of before a renewal would meet what is known after it, and be handed out.
    integration = connected(ended=False)
    with CaptureQueriesContext(connection) as queries:
        access_token(integration)
    reading = [query["sql"] for query in queries if '"config"' in query["sql"]]
    assert len(reading) == 1
    assert '"usable_until"' in reading[0]


def test_renewal_is_no_edit(connected: Connected, server: OAuthServer) -> None:
    integration = connected()
    Integration.objects.filter(id=integration.id).update(tested_version=1, health="ok")
    before = Integration.objects.get(id=integration.id)

    assert fresh_values(integration)["access_token"] == stored(integration, "access_token")

    after = Integration.objects.get(id=integration.id)
    assert (after.version, after.secret_changed_at) == (before.version, before.secret_changed_at)
    assert (after.credential_version, after.tested_version, after.health) == (2, 2, "ok")
    assert not CredentialVersion.objects.exists()
    grant = grant_of(integration)
    assert (grant.credential_version, grant.lease_owner, grant.failures) == (2, None, 0)
    assert grant.obtained_at is not None
    assert grant.usable_until == grant.obtained_at + timedelta(seconds=3600 - 60)
    assert grant.refresh_due_at is not None
    assert timedelta(minutes=24) <= grant.refresh_due_at - grant.obtained_at <= timedelta(minutes=30)


def test_lease_of_a_worker_that_died_is_taken_over_when_it_ends_and_not_before(
    connected: Connected, server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = {"lease_owner": uuid4(), "lease_until": timezone.now() + timedelta(minutes=5)}
    integration = connected(**dead)
    monkeypatch.setattr(oauth_tokens, "WAIT_SECONDS", 0.3)
    with pytest.raises(ProviderError) as refused:
        access_token(integration)
    assert (refused.value.result, refused.value.retry_after) == (Result.NETWORK, 5.0)
    assert server.token_requests == []
    assert grant_of(integration).lease_owner == dead["lease_owner"]

    OAuthGrant.objects.update(lease_until=timezone.now() + timedelta(milliseconds=400))
    monkeypatch.setattr(oauth_tokens, "WAIT_SECONDS", 20.0)
    assert access_token(integration) in server.state.access_tokens
    assert len(server.refreshes()) == 1
    assert grant_of(integration).lease_owner is None


def test_who_replaced_the_credentials_meanwhile_wins(connected: Connected, server: OAuthServer) -> None:
    integration = connected()
    entered, refresh = server.new_grant()
    real = server.token

    def replaced_meanwhile(body: str, headers: dict[str, str]) -> tuple[int, str, str]:
        try:
            change_integration(
                actor=Actor.system("somebody"),
                integration=integration,
                values={"access_token": entered, "refresh_token": refresh},
            )
        finally:
            connection.close()
        return real(body, headers)

    server.token = replaced_meanwhile  # type: ignore[method-assign]
    assert access_token(integration) == entered
    assert (stored(integration, "access_token"), stored(integration, "refresh_token")) == (entered, refresh)
    assert len(server.refreshes()) == 1


def test_ended_grant_asks_for_a_person_once_and_is_not_asked_for_again(
    connected: Connected, server: OAuthServer
) -> None:
    integration = connected(refresh_token="tok-of-nobody")
    for _ in range(3):
        with pytest.raises(ReauthRequiredError, match="Ledger has to be connected again"):
            access_token(integration)

    assert len(server.refreshes()) == 1
    row = Integration.objects.get(id=integration.id)
    assert (row.health, row.enabled) == ("reauth_required", True)
    (entry,) = ActivityLog.objects.filter(verb="integration.health_changed")
    assert entry.detail == "from unknown to reauth_required: Ledger ended what was agreed to"
    assert entry.actor_name == "token renewal"
    (alerted,) = watch.failing(None)
    assert (alerted.id, alerted.reason) == (integration.id, "it has to be authorised anew")


def test_invalid_grant_because_another_process_was_faster_uses_its_token(
    connected: Connected, server: OAuthServer
) -> None:
    integration = connected()
    newer, refresh = server.new_grant()

    def rotated_elsewhere(body: str, headers: dict[str, str]) -> tuple[int, str, str]:
        try:
            change_integration(
                actor=Actor.system("other process"),
                integration=integration,
                values={"access_token": newer, "refresh_token": refresh},
            )
        finally:
            connection.close()
        return 400, "application/json", as_json(error="invalid_grant")

    server.token = rotated_elsewhere  # type: ignore[method-assign]
    assert access_token(integration) == newer
    assert Integration.objects.get(id=integration.id).health == "unknown"
    assert grant_of(integration).ended_version is None


@pytest.mark.parametrize(
    ("status", "kind", "body", "result"),
    [
        (500, "text/plain", "down", Result.PROVIDER_DOWN),
        (503, "text/html", "<html>maintenance</html>", Result.PROVIDER_DOWN),
        (200, "text/html", "<!doctype html><html>log in</html>", Result.WRONG_HOST),
        (200, "application/json", "{}", Result.WRONG_HOST),
        (200, "application/json", '{"access_token": "with space"}', Result.WRONG_HOST),
        (429, "application/json", '{"error": "slow_down"}', Result.RATE_LIMITED),
        (401, "application/json", '{"error": "invalid_client"}', Result.BAD_CREDENTIALS),
    ],
)
def test_other_failures_are_retried_later_and_leave_health_alone_at_first(
    connected: Connected, server: OAuthServer, status: int, kind: str, body: str, result: Result
) -> None:
    integration = connected()
    server.answers.append((status, kind, body))
    with pytest.raises(ProviderError) as refused:
        access_token(integration)
    assert refused.value.result == result
    assert not isinstance(refused.value, ReauthRequiredError)

    # Not asked again before its time, and what is told is what happened.
    with pytest.raises(ProviderError) as again:
        access_token(integration)
    assert (again.value.message, len(server.token_requests)) == (refused.value.message, 1)
    assert again.value.retry_after is not None
    assert 0 < again.value.retry_after <= 5
    grant = grant_of(integration)
    assert (grant.failures, grant.lease_owner) == (1, None)
    assert Integration.objects.get(id=integration.id).health == "unknown"

    OAuthGrant.objects.update(retry_at=None)
    assert access_token(integration) in server.state.access_tokens
    assert grant_of(integration).failures == 0


def test_three_failures_in_a_row_degrade(connected: Connected, server: OAuthServer) -> None:
    integration = connected()
    pauses = []
    for _ in range(3):
        OAuthGrant.objects.update(retry_at=None)
        server.answers.append((500, "text/plain", "down"))
        began = timezone.now()
        with pytest.raises(ProviderError):
            access_token(integration)
        pauses.append(round((grant_of(integration).retry_at - began).total_seconds()))  # type: ignore[operator]
    assert Integration.objects.get(id=integration.id).health == "degraded"
    assert pauses == [5, 10, 20]


def test_server_that_says_nothing_is_given_up(
    connected: Connected, server: OAuthServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration, server.delay = connected(), 1.0
    monkeypatch.setattr("integrations.providers.client.REQUEST_SECONDS", 0.2)
    with pytest.raises(ProviderError) as refused:
        access_token(integration)
    assert refused.value.result is Result.NETWORK
    assert grant_of(integration).failures == 1


def test_no_secret_in_logs_errors_or_rows(
    connected: Connected, server: OAuthServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    integration = connected()
    refresh = stored(integration, "refresh_token")
    echo = as_json(error="invalid_request", error_description=f"{refresh} and {CLIENT_SECRET} are wrong")
    server.answers.append((400, "application/json", echo))
    with pytest.raises(ProviderError) as refused:
        access_token(integration)
    told = "".join([refused.value.message, repr(refused.value), grant_of(integration).failure])
    access_token_now: Any = None
    OAuthGrant.objects.update(retry_at=None)
    access_token_now = access_token(integration)
    output = capsys.readouterr()
    for secret in (refresh, CLIENT_SECRET, access_token_now):
        assert secret not in told + caplog.text + output.out + output.err
