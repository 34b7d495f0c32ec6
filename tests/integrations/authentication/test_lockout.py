"""The lock-out of log-ins, by form and API together, on a real Redis and without one."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django.fixtures import Settings

from integrations.activity.models import ActivityLog
from integrations.authentication import lockout
from integrations.authentication.lockout import (
    LimitUnavailableError,
    LockedOutError,
    attempt_failed,
    attempt_half_right,
    attempt_succeeded,
    begin_attempt,
    unlock,
)
from integrations.models import RefreshSession, User
from tests.integrations.authentication.log_in_steps import PASSWORD, by_api, by_form, person
from tests.running_site import wait_until

WRONG = "Username or password is wrong, or the account is not active."


@pytest.fixture
def grace(db: None) -> User:
    return person()


def fail(username: str = "grace", address: str | None = "192.0.2.1") -> None:
    attempt_failed(begin_attempt(username=username, address=address))


def verbs() -> list[str]:
    return list(ActivityLog.objects.order_by("id").values_list("verb", flat=True))


def test_locks_username_after_ten_failures_by_form_and_api_together(grace: User) -> None:
    client = Client()
    for number in range(5):
        assert by_form(client, password="wrong", address=f"192.0.2.{number}").status_code == 200
        assert by_api(password="wrong", address=f"198.51.100.{number}").json()["detail"] == WRONG

    refused = by_api(address="203.0.113.1")
    assert refused.status_code == 429
    assert 890 <= int(refused.headers["Retry-After"]) <= 900
    page = by_form(client, address="203.0.113.2")
    assert (page.status_code, "Try again in 15 min." in page.content.decode()) == (200, True)
    assert "_auth_user_id" not in client.session
    assert not RefreshSession.objects.exists()


def test_locks_address_after_fifty_failures_over_many_usernames(grace: User) -> None:
    for number in range(50):
        fail(username=f"user{number}")

    assert by_api(address="192.0.2.1").status_code == 429
    assert by_api(address="192.0.2.2").status_code == 200


def test_counts_a_network_of_ipv6_as_one_address(db: None, settings: Settings) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 2
    for number in range(2):
        fail(username=f"user{number}", address=f"2001:db8:1:2::{number}")

    with pytest.raises(LockedOutError):
        begin_attempt(username="other", address="2001:db8:1:2:ffff::1")
    assert begin_attempt(username="other", address="2001:db8:1:3::1")


@pytest.mark.parametrize("username", ["grace", "nobody"])
def test_answers_alike_whether_the_user_exists_or_not(grace: User, username: str) -> None:
    answers = [by_api(username=username, password="wrong", address=f"192.0.2.{number}") for number in range(11)]

    assert [(answer.status_code, answer.json()["detail"]) for answer in answers[:10]] == [(401, WRONG)] * 10
    assert answers[10].status_code == 429
    assert answers[10].json()["detail"].startswith("Too many log-ins failed.")


def test_counts_spellings_of_a_username_together(grace: User, settings: Settings) -> None:
    settings.LOGIN_FAILURES_PER_USER = 3
    for username in ("grace", "GRACE", " Grace "):
        fail(username=username)

    assert by_api().status_code == 429


def test_forgets_the_username_but_not_the_address_when_a_log_in_succeeds(grace: User, settings: Settings) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 12
    for _ in range(9):
        fail()
    assert by_api(address="192.0.2.1").status_code == 200

    for _ in range(3):
        fail()
    with pytest.raises(LockedOutError):
        begin_attempt(username="somebody", address="192.0.2.1")
    assert begin_attempt(username="grace", address="192.0.2.9")


def test_gives_the_place_back_and_forgets_nothing_when_a_second_step_is_to_come(db: None, settings: Settings) -> None:
    settings.LOGIN_FAILURES_PER_USER = 3
    for _ in range(2):
        fail()

    for _ in range(5):
        attempt_half_right(begin_attempt(username="grace", address=None))
    fail()

    with pytest.raises(LockedOutError):
        begin_attempt(username="grace", address=None)


def test_lets_exactly_the_limit_through_when_many_try_at_once(db: None) -> None:
    """Each takes its place before the password is looked at, so none can slip through while others are at it."""
    start = threading.Barrier(16)

    def attempt(number: int) -> str:
        start.wait()
        try:
            begin_attempt(username="grace", address=f"192.0.2.{number}")
        except LockedOutError:
            return "locked"
        return "tried"

    with ThreadPoolExecutor(16) as pool:
        outcomes = Counter(pool.map(attempt, range(16)))

    assert outcomes == {"tried": 10, "locked": 6}


def test_slides(db: None, settings: Settings) -> None:
    """The first place is free again when the first failure is a window old, not when some fixed window ends."""
    settings.LOGIN_FAILURE_SECONDS, settings.LOGIN_FAILURES_PER_USER = 1, 2
    fail()
    fail()
    with pytest.raises(LockedOutError) as locked:
        begin_attempt(username="grace", address=None)
    assert locked.value.seconds == 1

    def is_free() -> bool:
        try:
            attempt_succeeded(begin_attempt(username="grace", address=None))
        except LockedOutError:
            return False
        return True

    assert wait_until(is_free, "the failures have slid out", seconds=5)


def test_writes_one_entry_when_a_window_fills(grace: User, settings: Settings) -> None:
    settings.LOGIN_FAILURES_PER_ADDRESS = 11
    for _ in range(12):
        by_api(password="wrong", address="192.0.2.1")

    assert verbs() == ["login.locked_user"]
    entry = ActivityLog.objects.get()
    assert (entry.tenant_id, entry.object_id, entry.object_name) == (None, grace.pk, "grace")
    assert (entry.actor_kind, entry.actor_address) == ("system", "192.0.2.1")
    by_api(username="other", password="wrong", address="192.0.2.1")
    assert verbs() == ["login.locked_user", "login.locked_address"]
    assert ActivityLog.objects.latest("id").object_name == "192.0.2.1"


def test_writes_no_username_down_that_is_nobodys(db: None, settings: Settings) -> None:
    """Into the field of the username people sometimes type their password."""
    settings.LOGIN_FAILURES_PER_USER = 1
    fail(username="correct horse battery staple")

    assert ActivityLog.objects.get().object_name == "no such user"
    client = redis.Redis.from_url(settings.CACHES["shared"]["LOCATION"])
    assert not [key for key in client.scan_iter("*") if b"horse" in key]


@pytest.fixture
def _redis_is_away(settings: Settings) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    settings.CACHES = {
        **settings.CACHES,
        "shared": {**settings.CACHES["shared"], "LOCATION": f"redis://127.0.0.1:{port}/0"},
    }


@pytest.mark.usefixtures("_redis_is_away")
def test_refuses_everybody_when_redis_is_away(grace: User, client: Client) -> None:
    answer = by_api()
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json()["detail"] == "Logging in is not possible at the moment. Try again later."
    assert "Logging in is not possible at the moment." in by_form(client).content.decode()
    assert "_auth_user_id" not in client.session
    assert not RefreshSession.objects.exists()


@pytest.mark.usefixtures("_redis_is_away")
def test_leaves_sessions_alone_when_redis_is_away(grace: User, client: Client) -> None:
    client.force_login(grace)

    assert client.get("/admin/").status_code == 200


def test_logs_in_when_redis_goes_away_in_the_middle(
    grace: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = begin_attempt(username="grace", address=None)

    def refuse() -> redis.Redis:
        raise redis.ConnectionError

    monkeypatch.setattr(lockout, "_client", refuse)

    attempt_succeeded(attempt)
    with pytest.raises(LimitUnavailableError):
        unlock(username="grace")


def test_command_unlocks_on_the_record(grace: User, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(10):
        fail(address=f"192.0.2.{number}")
    assert by_api().status_code == 429

    call_command("unlock_login", "grace")

    assert capsys.readouterr().out == "grace: unlocked.\n"
    assert by_api().status_code == 200
    assert ActivityLog.objects.filter(verb="login.unlocked", object_name="grace").count() == 1
    call_command("unlock_login", "grace", "--address", "192.0.2.1")
    assert capsys.readouterr().out == "grace: nothing was counted.\n192.0.2.1: unlocked.\n"


@pytest.mark.parametrize("arguments", [[], ["--address", "not an address"]])
def test_command_says_what_is_wrong(db: None, arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        call_command("unlock_login", *arguments)


@pytest.mark.usefixtures("_redis_is_away")
def test_command_fails_when_redis_is_away(db: None) -> None:
    with pytest.raises(CommandError, match="Redis does not answer"):
        call_command("unlock_login", "grace")


def test_keeps_the_password_out_of_the_log(grace: User, caplog: pytest.LogCaptureFixture) -> None:
    by_api(password="a wrong passphrase that nobody may read")
    by_api()

    assert "nobody may read" not in caplog.text
    assert PASSWORD not in caplog.text
