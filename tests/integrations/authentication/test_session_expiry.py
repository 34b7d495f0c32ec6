"""The end of a session in the browser: idle, old, or of somebody whose standing changed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from integrations.models import User
from tests.integrations.authentication.log_in_steps import person

TWO_STEP = "/admin/two-step/"


@pytest.fixture
def grace(db: None) -> User:
    return person()


def is_logged_in(client: Client) -> bool:
    return client.get("/admin/").status_code == 200


def test_session_ends_after_half_an_hour_without_a_request(grace: User) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        client = Client()
        client.force_login(grace)
        assert is_logged_in(client)
        for _ in range(5):
            clock.shift(timedelta(minutes=29))
            assert is_logged_in(client)
        clock.shift(timedelta(minutes=30))
        answer = client.get("/admin/integrations/tenant/")
        assert answer.headers["Location"] == "/admin/login/?next=/admin/integrations/tenant/"
        assert not is_logged_in(client)


def test_page_that_refreshes_itself_keeps_no_session_alive(grace: User) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        client = Client()
        client.force_login(grace)
        assert is_logged_in(client)
        for _ in range(59):
            clock.shift(timedelta(seconds=30))
            answer = client.get("/admin/dashboard/data/", headers={"Signalbox-Automatic": "1"})
            assert answer.status_code == 200
        clock.shift(timedelta(seconds=30))
        answer = client.get("/admin/dashboard/data/", headers={"Signalbox-Automatic": "1"})
        assert answer.status_code == 302


def test_session_ends_twelve_hours_after_the_log_in_however_busy(grace: User) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        client = Client()
        client.force_login(grace)
        for _ in range(36):
            assert is_logged_in(client)
            clock.shift(timedelta(minutes=20))
        assert not is_logged_in(client)


def test_session_is_written_once_a_minute_at_most(grace: User) -> None:
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False) as clock:
        client = Client()
        client.force_login(grace)
        client.get(TWO_STEP)
        seen = client.session["seen_at"]
        clock.shift(59)
        client.get(TWO_STEP)
        assert client.session["seen_at"] == seen
        clock.shift(1)
        client.get(TWO_STEP)
        assert client.session["seen_at"] == seen + 60


@pytest.mark.parametrize("change", [{"platform_role": "auditor"}, {"is_active": False}, {"session_version": 5}])
def test_session_ends_when_the_persons_standing_changes(grace: User, client: Client, change: dict[str, object]) -> None:
    client.force_login(grace)
    assert is_logged_in(client)
    User.objects.update(**change)

    assert not is_logged_in(client)


def test_costs_nothing_without_a_session(db: None, client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        client.get("/admin/login/code/")
