from __future__ import annotations

import pytest

from integrations.providers.salesforce.provider import salesforce

VALID = {"my_domain": "acme.my.salesforce.com", "access_token": "00D!token"}


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in salesforce.fields} == {
        "my_domain": False,
        "client_id": False,
        "client_secret": True,
        "client_secret_previous": True,
        "access_token": True,
        "refresh_token": True,
        "api_version": False,
    }


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("ACME.my.salesforce.com", "acme.my.salesforce.com"),
        ("https://acme.my.salesforce.com/", "acme.my.salesforce.com"),
        ("https://acme.lightning.force.com/lightning/page/home", "acme.my.salesforce.com"),
        ("acme--test.sandbox.lightning.force.com", "acme--test.sandbox.my.salesforce.com"),
        ("acme-dev-ed.develop.my.salesforce.com", "acme-dev-ed.develop.my.salesforce.com"),
    ],
)
def test_my_domain_is_a_host_and_taken_from_pasted_addresses(written: str, stored: str) -> None:
    assert salesforce.cleaned({**VALID, "my_domain": written})["my_domain"] == stored


@pytest.mark.parametrize(
    "wrong",
    [
        "acme",
        "login.salesforce.com",
        "test.salesforce.com",
        "my.salesforce.com",
        ".my.salesforce.com",
        "a.b.c.my.salesforce.com",
        "-acme.my.salesforce.com",
        "acme.my.salesforce.com.evil.example.com",
        "acme.my.salesforce.com.",
        "evil.example.com/.my.salesforce.com",
        "evil.example.com?.my.salesforce.com",
        "evil.example.com#.my.salesforce.com",
        "evil.example.com\\.my.salesforce.com",
        "user@acme.my.salesforce.com",
        "https://user:pass@acme.my.salesforce.com",
        "https://evil.example.com/acme.my.salesforce.com",
        "http://acme.my.salesforce.com",
        "acme.my.salesforce.com:8443",
        "acmé.my.salesforce.com",
        "acme.myxsalesforce.com",
        "evil.example.com/acme.lightning.force.com",
    ],
)
def test_my_domain_leads_to_salesforce_alone(wrong: str) -> None:
    assert list(salesforce.problems({**VALID, "my_domain": wrong})) == ["my_domain"]


def test_token_or_client_is_needed_and_a_client_is_a_pair() -> None:
    org = {"my_domain": VALID["my_domain"]}
    pair = {"client_id": "3MVG9", "client_secret": "secret"}
    assert salesforce.problems(VALID) == salesforce.problems({**org, **pair}) == {}
    assert salesforce.problems(org) == {
        "client_secret": ["Give client_secret or access_token."],
        "access_token": ["Give access_token or client_secret."],
    }
    assert salesforce.problems({**org, "client_secret": "secret"}) == {
        "client_id": ["This field is required together with client_secret."]
    }


def test_refresh_token_goes_with_its_access_token() -> None:
    alone = {"my_domain": VALID["my_domain"], "client_id": "3MVG9", "client_secret": "secret", "refresh_token": "5Aep"}
    assert salesforce.problems(alone) == {"access_token": ["This field is required together with refresh_token."]}


@pytest.mark.parametrize("wrong", ["66", "v66", "v66.1", "v6.0", "v066.0", "v66.0/../.."])
def test_version_is_one(wrong: str) -> None:
    assert list(salesforce.problems({**VALID, "api_version": wrong})) == ["api_version"]
