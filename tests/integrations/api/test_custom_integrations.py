"""The provider for any API: objects of named secrets over HTTP, from the body to the row and back."""

from __future__ import annotations

from typing import Any

import pytest
import responses
from django.db import connection
from rest_framework.test import APIClient

from integrations.models import Integration, Tenant

KEY = "workspace-key-0123456789"
CUSTOM = {
    "provider": "custom",
    "name": "Retell AI",
    "base_url": "https://api.retellai.com",
    "auth_type": "bearer",
    "token": "retell-token-0123456789",
    "test_path": "/list-agents?agent={{agent_id}}",
    "headers": {"X-Workspace": "{{workspace_key}}"},
    "credentials": {"agent_id": "a/b", "workspace_key": KEY},
}


@pytest.fixture
def url(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.slug}/integrations/items"


def test_named_secrets_are_encrypted_masked_and_kept_one_by_one(api: APIClient, url: str) -> None:
    made = api.post(url, CUSTOM)
    assert made.status_code == 201, made.content
    body = made.json()
    assert body["credentials"] == {"agent_id": "***", "workspace_key": "***6789"}
    assert body["headers"] == {"X-Workspace": "***ey}}"}
    assert (body["token"], body["auth_type"], body["graphql_variables"]) == ("***6789", "bearer", None)
    with connection.cursor() as cursor:
        cursor.execute("SELECT config::text FROM integrations_integration")
        (text,) = cursor.fetchone()
    assert KEY not in text
    assert "workspace_key" not in text

    path = f"{url}/{body['id']}"
    changed = api.patch(path, {"credentials": {"agent_id": "c", "workspace_key": ""}}).json()
    assert changed["credentials"] == {"agent_id": "***", "workspace_key": "***6789"}
    stored = Integration.objects.get().config["credentials"].reveal()
    assert stored == f'{{"agent_id": "c", "workspace_key": "{KEY}"}}'
    assert api.patch(path, {"credentials": None}).json()["credentials"] is None


def test_names_are_filled_in_where_they_stand(api: APIClient, url: str) -> None:
    made = api.post(url, CUSTOM).json()
    with responses.RequestsMock() as mock:
        mock.get("https://api.retellai.com/list-agents?agent=a%2Fb", json=[])
        answer = api.post(f"{url}/{made['id']}/test").json()
        headers = mock.calls[0].request.headers
    assert (answer["success"], answer["identity"]) == (True, "api.retellai.com")
    assert (headers["Authorization"], headers["X-Workspace"]) == ("Bearer retell-token-0123456789", KEY)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"auth_type": "basic"}, "username", "This field is required when auth_type is basic."),
        ({"auth_type": "oauth2"}, "token_url", "This field is required when auth_type is oauth2 or oauth2_code."),
        ({"auth_type": "oauth2_code"}, "authorize_url", "This field is required when auth_type is oauth2_code."),
        (
            {"auth_type": "magic"},
            "auth_type",
            "Must be one of none, bearer, basic, header, query, oauth2, oauth2_code.",
        ),
        ({"credentials": {"a b": "x"}}, "credentials", "A name consists of letters, digits and underscores"),
        ({"credentials": {"key": 5}}, "credentials", "key: must be a text that is not blank."),
        ({"credentials": ["x"]}, "credentials", "Must be a JSON object"),
        ({"credentials": {"key": "***6789"}}, "credentials", "key: this is the masked form of a secret"),
        ({"headers": {"X Y": "x"}}, "headers", "A header's name has no spaces and no colon."),
        ({"headers": {"X-Y": "a\r\nSet-Cookie: b"}}, "headers", "Contains an invisible or control character"),
        ({"test_path": "me"}, "test_path", "A path that begins with a slash"),
        ({"test_path": "@evil.example.com/"}, "test_path", "A path that begins with a slash"),
        ({"base_url": "https://10.0.0.1"}, "base_url", "private or reserved network"),
        ({"token_url": "https://169.254.169.254/latest"}, "token_url", "private or reserved network"),
        ({"authorize_url": "https://169.254.169.254/authorize"}, "authorize_url", "private or reserved network"),
    ],
)
def test_wrong_values_are_named(api: APIClient, url: str, change: dict[str, Any], field: str, reason: str) -> None:
    answer = api.post(url, {**CUSTOM, **change})
    assert answer.status_code == 422
    assert reason in answer.json()["errors"][field][0]
