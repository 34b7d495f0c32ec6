"""`GET /api/v1/providers` and `/api/platform/providers`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from integrations.models import Role, Tenant
from integrations.providers.base import Provider
from integrations.providers.registry import PROVIDERS, all_providers, providers_of_slot
from tests.integrations.people import client_of, join

pytestmark = pytest.mark.django_db
V1, PLATFORM = "/api/v1/providers", "/api/platform/providers"
TenantAPI = Callable[..., APIClient]
# What ECMAScript does not know: groups named in Python's way, flags, ends of the text, comments, atomic groups.
PYTHON_ONLY = re.compile(r"\(\?P|\(\?[aiLmsux-]+[:)]|\\[AZ]|\(\?#|\(\?>|[*+?}]\+")


def one(client: APIClient, key: str, path: str = V1) -> dict[str, Any]:
    (found,) = client.get(path, {"provider": key}).json()
    return dict(found)


def test_lists_every_provider_in_the_registry_s_order(tenant_api: TenantAPI) -> None:
    answer = tenant_api("integrations:read").get(V1)
    assert answer.status_code == 200
    assert [provider["key"] for provider in answer.json()] == list(PROVIDERS)


def test_tells_of_a_provider_what_a_form_needs(tenant_api: TenantAPI) -> None:
    found = one(tenant_api("integrations:use"), "jira")
    fields = {field["name"]: field for field in found.pop("fields")}
    assert found == {
        "key": "jira",
        "label": "Jira Cloud",
        "slot": "jira",
        "capabilities": ["oauth2", "test"],
        "documentation": "docs/providers/jira.md",
        "actions": [],
        "examples": [],
    }
    assert list(fields)[:4] == ["site", "email", "api_token", "cloud_id"]
    assert fields["site"] == {
        "name": "site",
        "label": "Site",
        "help": "your-domain when you use Jira at your-domain.atlassian.net.",
        "kind": "text",
        "secret": False,
        "required": True,
        "required_without": [],
        "required_with": [],
        "required_when": None,
        "used_when": None,
        "section": "",
        "pattern": "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?",
        "pattern_message": "What stands before .atlassian.net: letters, digits and hyphens, such as your-domain.",
        "normalised": True,
        "max_length": 300,
        "choices": [],
        "default": "",
        "example": "your-domain",
    }
    assert (fields["email"]["kind"], fields["email"]["required_with"]) == ("email", ["api_token"])
    assert fields["api_token"]["secret"] is True
    assert fields["api_token"]["required_without"] == ["access_token", "client_secret"]
    assert fields["api_token"]["normalised"] is False


def test_names_choices_and_their_default(tenant_api: TenantAPI) -> None:
    region = one(tenant_api(), "intercom")["fields"][0]
    assert (region["kind"], region["default"]) == ("choice", "us")
    assert region["choices"] == [
        {"value": "us", "label": "United States"},
        {"value": "eu", "label": "Europe"},
        {"value": "au", "label": "Australia"},
    ]


def test_tells_of_a_condition_which_field_and_which_values(
    tenant_api: TenantAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    jira = next(provider for provider in all_providers() if provider.key == "jira")
    monkeypatch.setattr("integrations.api.providers.all_providers", lambda: [conditional(jira)])
    assert one(tenant_api(), "jira")["fields"][1]["required_when"] == {"field": "site", "values": ["a", "b"]}


def test_tells_where_fields_belong_and_how_they_go_together(tenant_api: TenantAPI) -> None:
    custom = one(tenant_api(), "custom")
    fields = {field["name"]: field for field in custom["fields"]}
    assert fields["headers"]["section"] == "Named credentials and headers"
    assert (
        fields["token"]["used_when"] == fields["token"]["required_when"] == {"field": "auth_type", "values": ["bearer"]}
    )
    assert (fields["password"]["used_when"], fields["password"]["required_when"]) == (
        {"field": "auth_type", "values": ["basic"]},
        None,
    )
    assert custom["examples"][0]["title"] == "Bearer token: Retell AI"
    assert custom["examples"][0]["values"]["base_url"] == "https://api.retellai.com"


def conditional(provider: Provider) -> Provider:
    from dataclasses import replace

    first, second, *_ = provider.fields
    return replace(provider, fields=(first, replace(second, required_with=(), required_when=("site", ("a", "b")))))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"slot": "sms"}, [provider.key for provider in providers_of_slot("sms")]),
        ({"capability": "webhook_base"}, ["n8n"]),
        ({"capability": "webhook_base", "slot": "sms"}, []),
        ({"provider": "zendesk", "capability": "test"}, ["zendesk"]),
    ],
)
def test_can_be_narrowed(tenant_api: TenantAPI, asked: dict[str, str], expected: list[str]) -> None:
    assert [provider["key"] for provider in tenant_api().get(V1, asked).json()] == expected


@pytest.mark.parametrize("asked", [{"provider": "nobody"}, {"slot": "x"}, {"capability": "fly"}, {"page": "1"}])
def test_names_a_parameter_that_is_wrong(tenant_api: TenantAPI, asked: dict[str, str]) -> None:
    answer = tenant_api().get(V1, asked)
    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == list(asked)


def test_is_the_same_for_platform_admins(tenant_api: TenantAPI, api: APIClient) -> None:
    assert api.get(PLATFORM).json() == tenant_api().get(V1).json()


@pytest.mark.parametrize(
    ("scope", "status"),
    [("integrations:read", 200), ("integrations:use", 200), ("integrations:write", 200), ("events:write", 403)],
)
def test_is_for_those_who_have_to_do_with_integrations(tenant_api: TenantAPI, scope: str, status: int) -> None:
    assert tenant_api(scope).get(V1).status_code == status


def test_is_open_to_members_and_closed_to_strangers(tenant: Tenant, anonymous_api: APIClient) -> None:
    assert client_of(join(tenant, "mia", Role.MEMBER).user, tenant).get(V1).status_code == 200
    for path in (V1, PLATFORM):
        assert anonymous_api.get(path).status_code == 401


def test_leads_to_where_the_pages_are_published(tenant_api: TenantAPI, settings: Settings) -> None:
    settings.DOCUMENTATION_URL = "https://docs.example.com/signalbox"
    assert one(tenant_api(), "jira")["documentation"] == "https://docs.example.com/signalbox/providers/jira.md"


def test_patterns_are_ones_that_browsers_understand(tenant_api: TenantAPI) -> None:
    for provider in tenant_api().get(V1).json():
        for field in provider["fields"]:
            outside_of_sets = re.sub(r"\[[^]]+\]", "[]", field["pattern"])  # where * and + are no quantifiers
            assert not PYTHON_ONLY.search(outside_of_sets), f"{provider['key']}.{field['name']}"


def test_holds_nothing_of_the_environment(tenant_api: TenantAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNALBOX_JIRA_API_TOKEN", "the-platform-s-own-token")
    assert "the-platform-s-own-token" not in json.dumps(tenant_api().get(V1).json())
