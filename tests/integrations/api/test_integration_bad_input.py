"""Requests that are wrong: each is refused with the field and the reason, and nothing is stored."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from integrations.authentication.tokens import issue_tokens
from integrations.models import Integration, Tenant, User

WHATSAPP = {"phone_number_id": "106540352242922", "access_token": "EAATestAccessTokenForDocumentationOnly123456789"}
N8N = {"base_url": "https://n8n.example.com"}
TWILIO = {
    "provider": "twilio",
    "account_sid": "AC0123456789abcdef0123456789abcdef",
    "auth_token": "fedcba9876543210fedcba9876543210",
    "phone_number": "+15005550006",
}
WRITES = pytest.mark.parametrize("method", ["post", "put", "patch"])


@pytest.fixture
def url(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.slug}/integrations"


@pytest.mark.parametrize("method", ["post", "put"])
@pytest.mark.parametrize(
    ("slot", "body", "field", "said"),
    [
        ("whatsapp", {}, "phone_number_id", "required"),
        ("whatsapp", {"phone_number_id": "1"}, "access_token", "required"),
        ("whatsapp", {**WHATSAPP, "access_token": None}, "access_token", "required"),
        ("whatsapp", {**WHATSAPP, "access_token": "   "}, "access_token", "required"),
        ("whatsapp", {**WHATSAPP, "phone_number_id": 106540352242922}, "phone_number_id", "Must be a string."),
        ("whatsapp", {**WHATSAPP, "access_token": ["x"]}, "access_token", "Must be a string."),
        ("whatsapp", {**WHATSAPP, "access_token": "EAATestAcc***456789"}, "access_token", "masked form"),
        ("whatsapp", {**WHATSAPP, "access_token": "x" * 1001}, "access_token", "At most 1000 characters."),
        ("whatsapp", {**WHATSAPP, "acces_token": "x"}, "acces_token", "Unknown field. WhatsApp has phone_number_id, "),
        ("whatsapp", {**WHATSAPP, "id": "x"}, "id", "cannot be written"),
        ("whatsapp", {**WHATSAPP, "health": "ok"}, "health", "cannot be written"),
        ("whatsapp", {**WHATSAPP, "slot": "sms"}, "slot", "cannot be written"),
        ("whatsapp", {**WHATSAPP, "tenant": "other"}, "tenant", "cannot be written"),
        ("whatsapp", {**WHATSAPP, "enabled": "yes"}, "enabled", "true or false"),
        ("whatsapp", {**WHATSAPP, "enabled": None}, "enabled", "true or false"),
        ("whatsapp", {**WHATSAPP, "name": 1}, "name", "Must be a string."),
        ("whatsapp", {**WHATSAPP, "name": "x" * 101}, "name", "At most 100 characters."),
        ("whatsapp", {**WHATSAPP, "metadata": "x"}, "metadata", "Must be an object."),
        ("whatsapp", {**WHATSAPP, "metadata": {"a": "x" * 20000}}, "metadata", "16 KiB"),
        ("whatsapp", {**WHATSAPP, "metadata": {"app_secret": "x"}}, "metadata", "in clear"),
        ("whatsapp", {**WHATSAPP, "provider": "twilio"}, "provider", "name one of whatsapp."),
        ("whatsapp", {**WHATSAPP, "provider": 5}, "provider", "name one of whatsapp."),
        ("sms", {key: value for key, value in TWILIO.items() if key != "provider"}, "provider", "required"),
        ("sms", {**TWILIO, "provider": "telegraph"}, "provider", "name one of twilio, "),
        ("sms", {**TWILIO, "account_sid": "AC12"}, "account_sid", "32 hexadecimal"),
        ("sms", {**TWILIO, "phone_number": ""}, "phone_number", "Give phone_number or messaging_service_sid."),
        ("n8n", {}, "base_url", "required"),
        ("n8n", {"base_url": "ftp://n8n.example.com"}, "base_url", "must start with https://"),
        ("n8n", {"base_url": "https://u:p@n8n.example.com"}, "base_url", "user name or password"),
        ("n8n", {"base_url": "https://192.168.1.5"}, "base_url", "private or reserved network"),
        ("n8n", {"base_url": "https://metadata.google.internal"}, "base_url", "private or reserved network"),
        ("n8n", {**N8N, "api_url": "http://[::ffff:10.0.0.1]/"}, "api_url", "private or reserved network"),
    ],
)
def test_wrong_field_is_named_with_its_reason(
    api: APIClient, url: str, method: str, slot: str, body: dict[str, Any], field: str, said: str
) -> None:
    answer = getattr(api, method)(f"{url}/{slot}", body)
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert said in answer.json()["errors"][field][0]
    assert not Integration.objects.exists()


def test_every_wrong_field_is_named_at_once(api: APIClient, url: str) -> None:
    body = {"phone_number_id": "x", "colour": "red", "enabled": 1, "metadata": []}
    answer = api.post(f"{url}/whatsapp", body)
    assert set(answer.json()["errors"]) == {"phone_number_id", "access_token", "colour", "enabled", "metadata"}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"access_token": None}, {"access_token"}),
        ({"phone_number_id": ""}, {"phone_number_id"}),
        ({"phone_number_id": None, "colour": "red"}, {"phone_number_id", "colour"}),
        ({"enabled": False, "app_secret": "short"}, {"app_secret"}),
        ({"provider": "n8n"}, {"provider"}),
        ({"unreadable": []}, {"unreadable"}),
    ],
)
def test_wrong_change_is_refused_whole(api: APIClient, url: str, body: dict[str, Any], fields: set[str]) -> None:
    before = api.post(f"{url}/whatsapp", WHATSAPP).json()
    answer = api.patch(f"{url}/whatsapp", body)
    assert answer.status_code == 422
    assert set(answer.json()["errors"]) == fields
    assert api.get(f"{url}/whatsapp").json() == before


@WRITES
@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b'"x"', 400),
        (b"\xff\xfe", 400),
        (b'{"enabled": NaN}', 400),
        (b'{"metadata": {"a": 1e999}}', 400),
        (b"[" * 100_000, 400),
        (b'{"phone_number_id": "\\u0000"}', 422),
        (b'{"phone_number_id": "\\ud800"}', 422),
        (b'{"\\ud800": "x"}', 422),
    ],
)
def test_body_is_refused_when_it_is_no_storable_json_object(
    api: APIClient, url: str, method: str, raw: bytes, status: int
) -> None:
    api.post(f"{url}/whatsapp", WHATSAPP)
    answer = getattr(api, method)(f"{url}/whatsapp", raw, content_type="application/json")
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert Integration.objects.get().version == 1


@WRITES
def test_form_is_refused(api: APIClient, url: str, method: str) -> None:
    api.post(f"{url}/whatsapp", WHATSAPP)
    answer = getattr(api, method)(f"{url}/whatsapp", "a=b", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("slot", ["fax", "twilio", "WhatsApp", "%00", "whatsapp%0a", "é"])
def test_unknown_slot_is_not_found(api: APIClient, url: str, method: str, slot: str) -> None:
    answer = getattr(api, method)(f"{url}/{slot}", WHATSAPP if method in {"post", "put", "patch"} else None)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_empty_slot_is_not_found(api: APIClient, url: str, method: str) -> None:
    assert getattr(api, method)(f"{url}/n8n").status_code == 404


@pytest.mark.parametrize("reference", ["nobody", "01938f6e-7a1c-7d2e-9b51-3f6f0c9d2b10", "%00", "a%2fb", "é"])
def test_unknown_tenant_is_not_found(api: APIClient, reference: str) -> None:
    for path in ("integrations", "integrations/whatsapp"):
        assert api.get(f"/api/platform/tenants/{reference}/{path}").status_code == 404
    assert api.post(f"/api/platform/tenants/{reference}/integrations/whatsapp", WHATSAPP).status_code == 404


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
def test_only_platform_admins_are_let_in(anonymous_api: APIClient, api: APIClient, url: str, method: str) -> None:
    api.post(f"{url}/whatsapp", WHATSAPP)
    assert getattr(anonymous_api, method)(f"{url}/whatsapp").status_code == 401
    staff = User.objects.create_user("bob", "bob@example.com", "correct horse battery staple", is_staff=True)
    other = APIClient()
    other.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=staff).access}")
    assert getattr(other, method)(f"{url}/whatsapp").status_code == 403
    assert Integration.objects.get().version == 1
    User.objects.filter(pk=staff.pk).update(platform_role="operator")
    staff.refresh_from_db()
    other.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=staff).access}")
    assert getattr(other, method)(f"{url}/whatsapp").status_code not in {401, 403}


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=5,
)
NAMES = st.sampled_from(
    [
        *("phone_number_id", "access_token", "app_secret", "phone_number", "base_url", "api_url", "api_key"),
        *("account_sid", "provider", "enabled", "name", "description", "metadata", "id", "slot", "version"),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["post", "put", "patch"]),
    st.sampled_from(["whatsapp", "sms", "n8n"]),
    st.dictionaries(NAMES | st.text(max_size=20), ANY_JSON, max_size=6),
)
def test_no_body_fails_in_an_unforeseen_way(
    api: APIClient, url: str, method: str, slot: str, body: dict[str, Any]
) -> None:
    answer = getattr(api, method)(f"{url}/{slot}", body)
    assert answer.status_code in {200, 201, 404, 409, 422}
    if answer.status_code == 422:
        assert answer.json()["errors"]
