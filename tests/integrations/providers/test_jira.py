from __future__ import annotations

import pytest
import responses

from integrations.providers.connection_test import run_connection_test
from integrations.providers.jira.provider import jira
from integrations.providers.values import Values
from tests.integrations.providers.connection_cases.jira import GATEWAY, SITE, SITES_URL, THIS, USER
from tests.integrations.providers.hosts import ELSEWHERE

STATIC = {"site": "your-domain", "email": "mia@example.com", "api_token": "a-token"}


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in jira.fields} == {
        "site": False,
        "email": False,
        "api_token": True,
        "cloud_id": False,
        "access_token": True,
        "client_id": False,
        "client_secret": True,
        "client_secret_previous": True,
        "refresh_token": True,
    }


def test_api_token_goes_with_its_e_mail_address_and_others_do_not_need_one() -> None:
    assert jira.problems(STATIC) == jira.problems({"site": "your-domain", "access_token": "a-token"}) == {}
    assert jira.problems({**STATIC, "email": None}) == {"email": ["This field is required together with api_token."]}
    assert set(jira.problems({"site": "your-domain"})) == {"api_token", "access_token", "client_secret"}


@pytest.mark.parametrize(
    "written", ["your-domain", "YOUR-DOMAIN.atlassian.net", "https://your-domain.atlassian.net/jira/projects"]
)
def test_site_is_taken_out_of_what_was_pasted(written: str) -> None:
    assert jira.cleaned({**STATIC, "site": written})["site"] == "your-domain"


@pytest.mark.parametrize("wrong", ELSEWHERE)
def test_site_can_lead_to_no_other_host(wrong: str) -> None:
    assert jira.problems({**STATIC, "site": wrong}) == {
        "site": ["What stands before .atlassian.net: letters, digits and hyphens, such as your-domain."]
    }


@pytest.mark.parametrize("wrong", ["../../evil", "11223344", f"{THIS['id']}/x", "g" * 36])
def test_cloud_id_is_a_uuid_and_no_path(wrong: str) -> None:
    assert list(jira.problems({**STATIC, "cloud_id": wrong})) == ["cloud_id"]


@responses.activate
def test_api_token_is_sent_with_its_e_mail_address_as_http_basic() -> None:
    responses.get(f"{SITE}/rest/api/3/myself", json=USER)
    assert run_connection_test(jira, Values(jira, STATIC)).success
    # mia@example.com:a-token
    assert responses.calls[0].request.headers["Authorization"] == "Basic bWlhQGV4YW1wbGUuY29tOmEtdG9rZW4="


@responses.activate
def test_access_token_comes_first_and_is_sent_to_the_gateway_alone() -> None:
    responses.get(SITES_URL, json=[THIS])
    responses.get(f"{GATEWAY}/rest/api/3/myself", json=USER)
    assert run_connection_test(jira, Values(jira, {**STATIC, "access_token": "another"})).success
    assert [call.request.headers["Authorization"] for call in responses.calls] == ["Bearer another"] * 2
