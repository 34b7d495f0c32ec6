from __future__ import annotations

import pytest
import responses
from pytest_django import Settings

from integrations.providers.connection_test import run_connection_test
from integrations.providers.n8n.connection import api_address
from integrations.providers.n8n.provider import n8n
from integrations.providers.values import Values


def test_declares_the_fields_and_which_of_them_are_secret() -> None:
    assert {field.name: field.secret for field in n8n.fields} == {"base_url": False, "api_url": False, "api_key": True}
    assert n8n.slot == "n8n"


def test_base_url_is_enough_and_may_carry_a_path() -> None:
    assert n8n.problems({"base_url": "https://n8n.example.com/webhook/tenant123"}) == {}


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("https://n8n.example.com/webhook/", "https://n8n.example.com/webhook"),
        ("https://N8N.Example.com:443", "https://n8n.example.com"),
        (" https://n8n.example.com/a b\n".replace("a b", "ab"), "https://n8n.example.com/ab"),
    ],
)
def test_address_is_stored_in_one_form_without_its_trailing_slash(written: str, stored: str) -> None:
    assert n8n.cleaned({"base_url": written}) == {"base_url": stored}


@pytest.mark.parametrize("field", ["base_url", "api_url"])
@pytest.mark.parametrize(
    "wrong",
    [
        "n8n.example.com/webhook",
        "ftp://n8n.example.com",
        "javascript:alert(1)",
        "https://user:pass@n8n.example.com",
        "https://n8n.example.com/webhook?a=b",
        "https://n8n.example.com/#top",
        "https:///webhook",
        "https://10.0.0.1/webhook",
        "https://169.254.169.254/latest/meta-data",
        "https://0x7f000001/webhook",
        "https://n8n.internal/webhook",
        "https://n8n.example.com:0/",
        "https://exa mple.com",
        "https://n8n.example.com\\@10.0.0.1/",
    ],
)
def test_address_is_refused_when_nothing_may_be_sent_there(field: str, wrong: str) -> None:
    problems = n8n.problems({"base_url": "https://n8n.example.com", field: wrong})
    assert list(problems) == [field]


def test_plain_http_is_refused_when_the_platform_requires_https(settings: Settings) -> None:
    settings.OUTBOUND_REQUIRE_HTTPS = True
    assert n8n.problems({"base_url": "http://n8n.example.com"}) == {
        "base_url": ["The address must start with https://."]
    }


def test_api_address_is_api_url_else_the_origin_of_base_url() -> None:
    base = "https://n8n.example.com:8443/webhook/tenant123"
    assert api_address({"base_url": base}) == "https://n8n.example.com:8443"
    assert api_address({"base_url": base, "api_url": "https://api.example.com/n8n"}) == "https://api.example.com/n8n"


@pytest.mark.parametrize(
    ("api_url", "asked"),
    [
        (None, "https://n8n.example.com/api/v1/workflows"),
        ("https://api.example.com/n8n", "https://api.example.com/n8n/api/v1/workflows"),
        ("https://api.example.com/rest-api/v1", "https://api.example.com/rest-api/v1/workflows"),
    ],
)
@responses.activate
def test_api_is_asked_where_the_operator_put_it(api_url: str | None, asked: str) -> None:
    responses.get(asked, json={"data": [], "nextCursor": None})
    given = {"base_url": "https://n8n.example.com/webhook", "api_key": "n8n_api_key", "api_url": api_url}
    assert run_connection_test(n8n, Values(n8n, n8n.cleaned(given))).success
