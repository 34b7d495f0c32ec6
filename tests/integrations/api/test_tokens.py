"""Logging in over the API: `/api/auth/token` and `/api/auth/token/refresh`."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import jwt
import pytest
import time_machine
from django.core.cache import caches
from django.utils import timezone
from pytest_django.fixtures import Settings
from rest_framework.response import Response
from rest_framework.test import APIClient

from integrations.authentication.models import RefreshSession
from integrations.authentication.tokens import issue_tokens
from integrations.models import User

PASSWORD = "a long enough passphrase"
TENANTS = "/api/platform/tenants"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_superuser("grace", "grace@example.com", PASSWORD)


@pytest.fixture(autouse=True)
def forget_attempts() -> Iterator[None]:
    for name in ("default", "shared"):
        caches[name].clear()
    yield
    for name in ("default", "shared"):
        caches[name].clear()


def log_in(client: APIClient, username: str = "grace", password: str = PASSWORD) -> Response:
    return client.post("/api/auth/token", {"username": username, "password": password})


def refresh(client: APIClient, token: str) -> Response:
    return client.post("/api/auth/token/refresh", {"refresh": token})


def may_read(access: str) -> bool:
    status: int = APIClient().get(TENANTS, HTTP_AUTHORIZATION=f"Bearer {access}").status_code
    assert status in {200, 401}
    return status == 200


def test_answers_a_pair_that_works(user: User, anonymous_api: APIClient) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        response = log_in(anonymous_api)

        assert response.status_code == 200
        assert response.headers["Cache-Control"] == "no-store"
        assert sorted(response.json()) == ["access", "access_expires_at", "refresh", "refresh_expires_at"]
        assert response.json()["access_expires_at"] == "2026-03-01T12:15:00Z"
        assert response.json()["refresh_expires_at"] == "2026-03-02T12:00:00Z"
        assert may_read(response.json()["access"])


@pytest.mark.parametrize(("username", "password"), [("grace", "wrong"), ("nobody", PASSWORD), ("GRACE", PASSWORD)])
def test_answers_401_when_name_or_password_is_wrong(
    user: User, anonymous_api: APIClient, username: str, password: str
) -> None:
    response = log_in(anonymous_api, username, password)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="signalbox"'
    assert response.json()["detail"] == "Username or password is wrong, or the account is not active."
    assert not RefreshSession.objects.exists()


def test_answers_401_when_the_account_is_not_active(user: User, anonymous_api: APIClient) -> None:
    User.objects.update(is_active=False)

    assert log_in(anonymous_api).status_code == 401


@pytest.mark.parametrize("body", [{}, {"username": "grace"}, {"username": ["grace"], "password": {}}, {"u": 1}])
def test_answers_422_when_fields_are_missing_or_wrong(db: None, anonymous_api: APIClient, body: object) -> None:
    assert anonymous_api.post("/api/auth/token", body).status_code == 422


def test_lets_an_access_token_run_out(user: User) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        pair = issue_tokens(user=user)
        clock.move_to("2026-03-01T12:14:59Z")
        assert may_read(pair.access)
        clock.move_to("2026-03-01T12:15:00Z")
        assert not may_read(pair.access)


def test_exchanges_a_refresh_token_for_a_new_pair(user: User, anonymous_api: APIClient) -> None:
    first = issue_tokens(user=user)

    response = refresh(anonymous_api, first.refresh)

    assert response.status_code == 200
    assert response.json()["refresh"] != first.refresh
    assert may_read(response.json()["access"])
    assert refresh(anonymous_api, response.json()["refresh"]).status_code == 200


def test_ends_the_session_when_a_refresh_token_is_used_twice(user: User, anonymous_api: APIClient) -> None:
    stolen = issue_tokens(user=user).refresh
    newest = refresh(anonymous_api, stolen).json()["refresh"]

    assert refresh(anonymous_api, stolen).status_code == 401

    assert refresh(anonymous_api, newest).status_code == 401
    assert RefreshSession.objects.get().revoked_at is not None


def test_does_not_end_a_session_for_a_number_that_was_never_issued(user: User) -> None:
    """Nobody can have made such a token; were it otherwise, it would be no sign of a copied one."""
    token = issue_tokens(user=user).refresh
    RefreshSession.objects.update(token_number=0)

    assert refresh(APIClient(), token).status_code == 401
    assert RefreshSession.objects.get().revoked_at is None


def test_leaves_other_sessions_alone_when_one_is_ended(user: User, anonymous_api: APIClient) -> None:
    stolen, other = issue_tokens(user=user).refresh, issue_tokens(user=user).refresh
    refresh(anonymous_api, stolen)
    refresh(anonymous_api, stolen)

    assert refresh(anonymous_api, other).status_code == 200


def test_lets_a_refresh_token_run_out_without_revoking(user: User, anonymous_api: APIClient) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        token = issue_tokens(user=user).refresh
        clock.move_to("2026-03-02T12:00:01Z")
        assert refresh(anonymous_api, token).status_code == 401
        assert RefreshSession.objects.get().revoked_at is None

        issue_tokens(user=user)  # which forgets sessions that ran out
        assert RefreshSession.objects.count() == 1


def test_ends_everything_when_the_password_changes(user: User, anonymous_api: APIClient) -> None:
    pair = issue_tokens(user=user)
    user.set_password("another long passphrase")
    user.save()

    assert not may_read(pair.access)
    assert refresh(anonymous_api, pair.refresh).status_code == 401


def test_ends_everything_when_the_account_is_deactivated(user: User, anonymous_api: APIClient) -> None:
    pair = issue_tokens(user=user)
    User.objects.update(is_active=False)

    assert not may_read(pair.access)
    assert refresh(anonymous_api, pair.refresh).status_code == 401


def test_takes_neither_kind_of_token_for_the_other(user: User, anonymous_api: APIClient) -> None:
    pair = issue_tokens(user=user)

    assert not may_read(pair.refresh)
    assert refresh(anonymous_api, pair.access).status_code == 401


def forged(user: User, settings: Settings) -> list[str]:
    good = issue_tokens(user=user).access
    header, claims, signature = good.split(".")
    payload = json.loads(base64.urlsafe_b64decode(claims + "=="))
    unsigned = jwt.encode(payload, None, algorithm="none")
    with_raw_secret_key = jwt.encode(payload, settings.SECRET_KEY, algorithm="HS256")
    brackets = base64.urlsafe_b64encode(b"[" * 1100).decode().rstrip("=")
    return [
        unsigned,
        with_raw_secret_key,
        f"{header}.{claims}.{'A' * len(signature)}",
        f"{header}.{claims[:-2]}xx.{signature}",
        f"{brackets}.{claims}.{signature}",
        good * 3,
        "..",
        "",
        "a b",
        "\u00e9",
        "\x7f",
    ]


def test_refuses_forged_and_malformed_tokens(user: User, anonymous_api: APIClient, settings: Settings) -> None:
    for token in forged(user, settings):
        assert not may_read(token), token
        caches["shared"].clear()
        assert refresh(anonymous_api, token).status_code in {401, 422}, token


@pytest.mark.parametrize("header", ["Bearer", "Bearer a b", "bearer  ", "Basic Z3JhY2U6eA==", "Token x", " "])
def test_refuses_other_credentials(user: User, header: str) -> None:
    assert APIClient().get(TENANTS, HTTP_AUTHORIZATION=header).status_code == 401


def test_limits_exchanges_per_address_and_counts_locally_when_redis_is_away(user: User, settings: Settings) -> None:
    client = APIClient(REMOTE_ADDR="192.0.2.1")
    with time_machine.travel("2026-03-01T12:00:10Z", tick=False):
        statuses = [refresh(client, "wrong").status_code for _ in range(31)]
        assert statuses == [401] * 30 + [429]

        settings.CACHES = {
            **settings.CACHES,
            "shared": {**settings.CACHES["shared"], "LOCATION": "redis://127.0.0.1:9/0"},
        }
        assert refresh(client, issue_tokens(user=user).refresh).status_code == 200
        statuses = [refresh(client, "wrong").status_code for _ in range(30)]
    assert statuses == [401] * 29 + [429]


@pytest.mark.parametrize("change", ["role", "session_version"])
def test_ends_everything_when_role_or_second_step_changes(user: User, anonymous_api: APIClient, change: str) -> None:
    pair = issue_tokens(user=user)
    changes = {"role": {"is_superuser": False, "platform_role": "operator"}, "session_version": {"session_version": 1}}
    User.objects.update(**changes[change])

    assert not may_read(pair.access)
    assert refresh(anonymous_api, pair.refresh).status_code == 401


def test_keeps_passwords_out_of_reports(user: User, anonymous_api: APIClient) -> None:
    response = log_in(anonymous_api)

    assert PASSWORD not in response.content.decode()
    assert response.json()["access"] not in repr(issue_tokens(user=user))


def test_says_when_tokens_run_out_in_utc(user: User, anonymous_api: APIClient) -> None:
    expires = datetime.fromisoformat(log_in(anonymous_api).json()["access_expires_at"])

    assert timedelta(minutes=14) < expires - timezone.now() <= timedelta(minutes=15)
