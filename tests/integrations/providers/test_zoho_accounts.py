"""What Zoho's products share: data centres and tokens."""

from __future__ import annotations

from urllib.parse import parse_qs

import pytest
import responses

from integrations.providers.base import Provider
from integrations.providers.client import ProviderClient
from integrations.providers.environment import environment_values
from integrations.providers.registry import get_provider
from integrations.providers.values import Values
from integrations.providers.zoho_accounts import DATA_CENTRES, refreshed, zoho_host

CLIENT = {"client_id": "1000.AB", "client_secret": "a-client-secret", "refresh_token": "1000.ab.cd"}
EVERY_PRODUCT = pytest.mark.parametrize(
    "provider", [get_provider(key) for key in ("zoho_crm", "zoho_desk")], ids=lambda provider: provider.key
)


@EVERY_PRODUCT
def test_client_or_token_is_needed_and_a_client_is_a_pair(provider: Provider) -> None:
    assert provider.problems(CLIENT) == provider.problems({"access_token": "1000.ab.cd"}) == {}
    assert set(provider.problems({})) == {"client_secret", "access_token"}
    assert provider.problems({"client_secret": "a-client-secret"}) == {
        "client_id": ["This field is required together with client_secret."]
    }


@EVERY_PRODUCT
def test_secret_is_all_but_client_and_data_centre(provider: Provider) -> None:
    assert {field.name for field in provider.secret_fields} == {
        *("client_secret", "client_secret_previous", "refresh_token", "access_token")
    }


@EVERY_PRODUCT
@pytest.mark.parametrize("wrong", ["uk", "com/x", "com@evil.example.com", "evil.example.com", "COM", "com.", ".com"])
def test_data_centre_is_one_of_zohos_own(provider: Provider, wrong: str) -> None:
    assert list(provider.problems({**CLIENT, "data_centre": wrong})) == ["data_centre"]


@EVERY_PRODUCT
def test_client_id_begins_as_all_do(provider: Provider) -> None:
    assert list(provider.problems({**CLIENT, "client_id": "AB"})) == ["client_id"]


def test_every_data_centre_has_hosts_of_its_own() -> None:
    hosts = [zoho_host("accounts", data_centre) for data_centre, _ in DATA_CENTRES]
    assert hosts == [
        "accounts.zoho.com",
        "accounts.zoho.eu",
        "accounts.zoho.in",
        "accounts.zoho.com.au",
        "accounts.zoho.com.cn",
        "accounts.zoho.jp",
        "accounts.zoho.sa",
        "accounts.zohocloud.ca",
    ]
    assert zoho_host("desk", "ca") == "desk.zohocloud.ca"


@EVERY_PRODUCT
@responses.activate
def test_refresh_sends_a_form_to_the_data_centre_and_protects_the_new_token(provider: Provider) -> None:
    responses.post("https://accounts.zoho.jp/oauth/v2/token", json={"access_token": "1000.new-token"})
    values = Values(provider, {**CLIENT, "data_centre": "jp"})
    with ProviderClient(provider, values) as client:
        assert refreshed(client, values) == "1000.new-token"
        assert client.scrubber.text("it is 1000.new-token", max_length=100) == "it is ***"
    (made,) = responses.calls
    assert made.request.url == "https://accounts.zoho.jp/oauth/v2/token"
    assert parse_qs(str(made.request.body)) == {
        "grant_type": ["refresh_token"],
        **{name: [text] for name, text in CLIENT.items()},
    }


def test_older_names_of_the_platforms_own_client_work_for_the_crm() -> None:
    older = {"ZOHO_CRM_CLIENT_ID": "1000.AB", "ZOHO_CRM_CLIENT_SECRET": "a-client-secret"}
    found = environment_values(get_provider("zoho_crm"), older)
    assert found.values == {"client_id": "1000.AB", "client_secret": "a-client-secret"}
    assert found.problems == {}
    assert environment_values(get_provider("zoho_desk"), older).values == {}
