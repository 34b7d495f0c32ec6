"""Logging in to the admin and over the API with a second step, and the page that sets it up."""

from __future__ import annotations

import re
import time

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIClient

from integrations.activity.models import ActivityLog
from integrations.authentication.tokens import issue_tokens
from integrations.models import StaffDevice, User
from tests.integrations.authentication.log_in_steps import (
    PASSWORD,
    by_api,
    by_form,
    code_of,
    person,
    set_up_device,
)

TWO_STEP = "/admin/two-step/"
CODE = "/admin/login/code/"


@pytest.fixture
def grace(db: None) -> User:
    return person()


@pytest.fixture
def guarded(grace: User) -> User:
    set_up_device(grace)
    return grace


def is_logged_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


# --- The form -------------------------------------------------------------------------------------------------


def test_logs_in_with_a_password_alone_where_there_is_no_second_step(grace: User, client: Client) -> None:
    answer = by_form(client)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
    assert is_logged_in(client)


def test_follows_next_and_never_to_another_site(grace: User, client: Client) -> None:
    for given, followed in [
        ("/admin/integrations/tenant/", "/admin/integrations/tenant/"),
        ("//evil.test/", "/admin/"),
    ]:
        data = {"username": "grace", "password": PASSWORD, "next": given}
        assert Client().post("/admin/login/", data).headers["Location"] == followed


def test_asks_for_a_code_after_the_right_password_only(guarded: User, client: Client) -> None:
    assert by_form(client, password="wrong").status_code == 200
    assert client.get(CODE).headers["Location"] == "/admin/login/"

    answer = by_form(client)

    assert (answer.status_code, answer.headers["Location"]) == (302, CODE)
    assert not is_logged_in(client)
    page = client.get(CODE)
    assert 'autocomplete="one-time-code"' in page.content.decode()
    assert "no-store" in page.headers["Cache-Control"]


def test_logs_in_with_the_code_and_goes_on_to_next(guarded: User, client: Client) -> None:
    onwards = "/admin/integrations/tenant/"
    answer = client.post("/admin/login/", {"username": "grace", "password": PASSWORD, "next": onwards})
    assert answer.headers["Location"] == f"{CODE}?next=%2Fadmin%2Fintegrations%2Ftenant%2F"

    answer = client.post(answer.headers["Location"], {"code": code_of(guarded), "next": onwards})

    assert (answer.status_code, answer.headers["Location"]) == (302, onwards)
    assert is_logged_in(client)
    assert "pending_log_in" not in client.session


def test_makes_a_new_session_when_the_code_is_right(guarded: User, client: Client) -> None:
    """Nobody can prepare a session for somebody else and wait in it."""
    by_form(client)
    before = client.session.session_key
    client.post(CODE, {"code": code_of(guarded)})

    assert client.session.session_key != before


def test_stays_out_when_the_code_is_wrong_or_used(guarded: User, client: Client) -> None:
    by_form(client)
    page = client.post(CODE, {"code": "000000"})
    assert "The code is wrong, or was used already." in page.content.decode()
    assert "Try again in" in client.post(CODE, {"code": code_of(guarded)}).content.decode()
    assert not is_logged_in(client)

    StaffDevice.objects.update(next_try_at=None)
    code = code_of(guarded)
    client.post(CODE, {"code": code})
    assert is_logged_in(client)
    other = Client()
    by_form(other)
    other.post(CODE, {"code": code})
    assert not is_logged_in(other)


def test_locks_out_after_wrong_codes(guarded: User, client: Client) -> None:
    by_form(client)
    for _ in range(10):
        StaffDevice.objects.update(next_try_at=None)
        client.post(CODE, {"code": "000000"})
    StaffDevice.objects.update(next_try_at=None)

    page = client.post(CODE, {"code": code_of(guarded)})

    assert "Too many attempts failed." in page.content.decode()
    assert not is_logged_in(client)
    assert by_form(Client()).status_code == 200  # the password is not looked at either


@pytest.mark.parametrize("change", ["late", "password", "deactivated", "demoted"])
def test_forgets_the_right_password_when_it_is_worth_nothing_any_more(
    guarded: User, client: Client, change: str
) -> None:
    by_form(client)
    changes = {
        "password": {"password": "another"},
        "deactivated": {"is_active": False},
        "demoted": {"platform_role": ""},
    }
    User.objects.update(**changes.get(change, {}))
    with time_machine.travel(time.time() + (301 if change == "late" else 0), tick=False):
        answer = client.post(CODE, {"code": code_of(guarded)})

    assert answer.headers["Location"] == "/admin/login/"
    User.objects.update(is_active=True, platform_role="owner")
    assert not is_logged_in(client)


def test_refuses_those_without_a_role_as_it_refuses_a_wrong_password(db: None, client: Client) -> None:
    person("mia", role="")
    right = by_form(client, username="mia").content.decode()
    wrong = by_form(client, username="mia", password="wrong").content.decode()

    error = re.compile(r'<p class="errornote">\s*(.*?)\s*</p>', re.DOTALL)
    assert error.findall(right) == error.findall(wrong) != []


# --- The API --------------------------------------------------------------------------------------------------


def test_api_asks_for_a_code_after_the_right_password_only(guarded: User) -> None:
    asked = by_api()
    assert (asked.status_code, "send it as otp" in asked.json()["detail"]) == (401, True)
    assert asked.headers["WWW-Authenticate"] == 'Bearer realm="signalbox"'
    assert "otp" not in by_api(password="wrong", otp=code_of(guarded)).json()["detail"]
    wrong = by_api(otp="000000")
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "The code is wrong, or was used already.")
    assert by_api(otp="000000").status_code == 429
    assert not guarded.refresh_sessions.exists()

    StaffDevice.objects.update(next_try_at=None)
    assert by_api(otp=code_of(guarded)).status_code == 200


def test_api_takes_a_recovery_code(grace: User) -> None:
    codes = set_up_device(grace)

    assert by_api(otp=codes[3]).status_code == 200
    assert by_api(otp=codes[3]).status_code == 401


def test_api_needs_no_code_of_those_without_a_device(grace: User) -> None:
    assert by_api(otp="").status_code == 200
    assert by_api(otp="123456").status_code == 200


# --- Setting up -----------------------------------------------------------------------------------------------


@pytest.fixture
def page(grace: User, client: Client) -> Client:
    by_form(client)
    return client


def test_sets_up_in_two_steps_and_shows_key_and_codes_once(grace: User, page: Client) -> None:
    assert "Set up" in page.get(TWO_STEP).content.decode()
    assert not StaffDevice.objects.exists()
    assert "not your password" in page.post(TWO_STEP, {"action": "start", "password": "wrong"}).content.decode()
    assert not StaffDevice.objects.exists()

    shown = page.post(TWO_STEP, {"action": "start", "password": PASSWORD})
    key = StaffDevice.objects.get().key.reveal()
    html = shown.content.decode()
    assert key in html.replace(" ", "")
    assert '<svg xmlns="http://www.w3.org/2000/svg"' in html or "<svg " in html
    assert "style=" not in html[html.index("<svg ") : html.index("</svg>")]
    assert "no-store" in shown.headers["Cache-Control"]
    assert key not in page.get(TWO_STEP).content.decode().replace(" ", "")

    again = page.post(TWO_STEP, {"action": "confirm", "code": "000000"}).content.decode()
    assert key in again.replace(" ", "")
    done = page.post(TWO_STEP, {"action": "confirm", "code": code_of(grace)}).content.decode()
    assert len(re.findall(r"<li>[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}</li>", done)) == 10
    assert key not in done.replace(" ", "")
    later = page.get(TWO_STEP).content.decode()
    assert "Two-step log-in is on since" in later
    assert "10 recovery codes left" in later
    assert key not in later.replace(" ", "")


def test_ends_other_sessions_and_tokens_but_not_this_one(grace: User, page: Client) -> None:
    other, token = Client(), issue_tokens(user=grace).access
    by_form(other)
    page.post(TWO_STEP, {"action": "start", "password": PASSWORD})
    page.post(TWO_STEP, {"action": "confirm", "code": code_of(grace)})

    assert is_logged_in(page)
    assert not is_logged_in(other)
    assert APIClient().get("/api/platform/tenants", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 401


def test_asks_for_a_code_before_it_turns_off_or_renews(guarded: User, client: Client) -> None:
    client.force_login(guarded)
    for action in ("off", "codes"):
        assert "The code is wrong" in client.post(TWO_STEP, {"action": action, "code": "000000"}).content.decode()
        StaffDevice.objects.update(next_try_at=None)
        assert "The code is wrong" in client.post(TWO_STEP, {"action": action}).content.decode()
        StaffDevice.objects.update(next_try_at=None)
    assert StaffDevice.objects.count() == 1
    assert "turn it off first" in client.post(TWO_STEP, {"action": "start", "password": PASSWORD}).content.decode()

    renewed = client.post(TWO_STEP, {"action": "codes", "code": code_of(guarded)}).content.decode()
    recovery = re.findall(r"<li>([A-Z2-7-]{19})</li>", renewed)
    client.post(TWO_STEP, {"action": "off", "code": recovery[0]})

    assert not StaffDevice.objects.exists()
    assert is_logged_in(client)
    assert set(ActivityLog.objects.values_list("verb", flat=True)) == {
        "two_step.enabled",
        "two_step.recovery_codes_replaced",
        "two_step.recovery_code_used",
        "two_step.disabled",
    }


def test_auditor_sets_up_their_own(db: None, client: Client) -> None:
    auditor = person("audrey", role="auditor")
    client.force_login(auditor)
    client.post(TWO_STEP, {"action": "start", "password": PASSWORD})
    client.post(TWO_STEP, {"action": "confirm", "code": code_of(auditor)})

    assert StaffDevice.objects.get().confirmed_at is not None


def test_answers_405_to_an_unknown_action(grace: User, page: Client) -> None:
    assert page.post(TWO_STEP, {"action": "other"}).status_code == 405
    assert page.post(TWO_STEP).status_code == 405


# --- Required -------------------------------------------------------------------------------------------------


def test_where_it_is_required_staff_without_one_reach_only_its_page(
    grace: User, client: Client, settings: Settings
) -> None:
    token = issue_tokens(user=grace).access
    settings.REQUIRE_STAFF_TOTP = True
    by_form(client)

    for address in ("/admin/", "/admin/integrations/tenant/", "/admin/password_change/", "/admin/autocomplete/"):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, TWO_STEP), address
    assert client.post("/admin/integrations/tenant/add/", {"name": "A", "slug": "a"}).headers["Location"] == TWO_STEP
    assert "requires two-step log-in" in client.get(TWO_STEP).content.decode()
    api = APIClient()
    api.cookies = client.cookies
    assert api.get("/api/platform/tenants").status_code == 403
    assert APIClient().get("/api/platform/tenants", HTTP_AUTHORIZATION=f"Bearer {token}").status_code == 403
    refused = by_api()
    assert (refused.status_code, "set it up in the admin first" in refused.json()["detail"]) == (403, True)

    client.post(TWO_STEP, {"action": "start", "password": PASSWORD})
    client.post(TWO_STEP, {"action": "confirm", "code": code_of(grace)})
    assert is_logged_in(client)


def test_command_turns_it_off_for_a_lost_device(guarded: User, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("reset_two_step", "grace")
    call_command("reset_two_step", "grace")

    assert capsys.readouterr().out == ("grace: turned off; all sessions ended.\ngrace: two-step log-in was not on.\n")
    assert by_api().status_code == 200
    assert ActivityLog.objects.get(verb="two_step.disabled").actor_name == "reset_two_step"
