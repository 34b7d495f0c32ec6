from __future__ import annotations

from urllib.parse import parse_qs

import pytest
import responses

from integrations.providers.connection_test import run_connection_test
from integrations.providers.hubspot.oauth2 import oauth2
from integrations.providers.hubspot.provider import hubspot
from integrations.providers.values import Values
from tests.integrations.providers.connection_cases.hubspot import ACCOUNT, GIVEN, TOKEN_URL, URL

APP = {"client_id": "an-id", "client_secret": "a-client-secret", "refresh_token": "a-refresh-token"}


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in hubspot.fields} == {
        "access_token": True,
        "client_id": False,
        "client_secret": True,
        "client_secret_previous": True,
        "refresh_token": True,
        "region": False,
        "portal_id": False,
    }


def test_token_or_app_is_needed_and_an_app_is_a_pair() -> None:
    assert hubspot.problems({"access_token": "pat-na1-x"}) == hubspot.problems(APP) == {}
    assert set(hubspot.problems({})) == {"access_token", "client_secret"}
    assert hubspot.problems({"client_secret": "a-client-secret"}) == {
        "client_id": ["This field is required together with client_secret."]
    }


@pytest.mark.parametrize("wrong", ["Bearer pat-na1-x", "pat na1", "pät"])
def test_token_is_refused_when_it_is_more_than_a_token(wrong: str) -> None:
    assert list(hubspot.problems({"access_token": wrong})) == ["access_token"]


@responses.activate
def test_refresh_sends_a_form_and_the_new_token_is_used_and_not_shown() -> None:
    responses.post(TOKEN_URL, json=GIVEN)
    responses.get(URL, json={**ACCOUNT, "portalName": f"Acme {GIVEN['access_token']}"})
    outcome = run_connection_test(hubspot, Values(hubspot, APP))
    asked, read = (made.request for made in responses.calls)
    assert parse_qs(str(asked.body)) == {
        "grant_type": ["refresh_token"],
        **{name: [text] for name, text in APP.items()},
    }
    assert read.headers["Authorization"] == f"Bearer {GIVEN['access_token']}"
    assert outcome.identity == "Acme *** (12345678)"


@pytest.mark.parametrize(
    ("given", "host"),
    [({}, "app.hubspot.com"), ({"region": "na1"}, "app.hubspot.com"), ({"region": "eu1"}, "app-eu1.hubspot.com")],
)
def test_people_agree_where_their_account_is(given: dict[str, str], host: str) -> None:
    assert oauth2.authorize_url_of(Values(hubspot, APP | given)) == f"https://{host}/oauth/authorize"
    assert oauth2.token_url_of(Values(hubspot, APP | given)) == TOKEN_URL
