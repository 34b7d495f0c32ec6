from __future__ import annotations

import pytest
import responses

from integrations.providers.answers import Answer
from integrations.providers.connection_test import run_connection_test
from integrations.providers.intercom import connection
from integrations.providers.intercom.connection import explain
from integrations.providers.intercom.provider import intercom
from integrations.providers.values import Values
from tests.integrations.providers.connection_cases.intercom import ADMIN, URL


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in intercom.fields} == {
        "region": False,
        "access_token": True,
        "client_id": False,
        "client_secret": True,
        "client_secret_previous": True,
    }


def test_token_or_app_is_enough_and_the_region_has_a_default() -> None:
    assert intercom.problems({"access_token": "a-token"}) == {}
    assert intercom.problems({"client_id": "an-id", "client_secret": "a-secret"}) == {}
    assert set(intercom.problems({})) == {"access_token", "client_secret"}
    assert Values(intercom, {"access_token": "a-token"})["region"] == "us"


@pytest.mark.parametrize("wrong", ["EU", "api.eu.intercom.io", "evil.example.com/", "us.evil"])
def test_region_is_one_of_three_and_no_host(wrong: str) -> None:
    assert intercom.problems({"access_token": "a-token", "region": wrong}) == {"region": ["Must be one of us, eu, au."]}


@responses.activate
def test_version_of_the_api_is_named_with_each_request() -> None:
    responses.get(URL, json=ADMIN)
    assert run_connection_test(intercom, Values(intercom, {"region": "eu", "access_token": "a-token"})).success
    sent = responses.calls[0].request.headers
    assert (sent["Authorization"], sent["Intercom-Version"]) == ("Bearer a-token", "2.15")


def test_time_from_which_to_go_on_becomes_seconds_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.time, "time", lambda: 1_487_332_510.5)
    error = explain(Answer("Intercom", 429, {"x-ratelimit-reset": "1487332520"}, b""))
    assert error is not None
    assert error.retry_after == 9.5
