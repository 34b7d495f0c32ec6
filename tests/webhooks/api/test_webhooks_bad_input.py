"""What `…/webhooks` refuses: every answer names the field, and nothing is stored."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from integrations.authentication.tokens import issue_tokens
from integrations.models import ActivityLog, Tenant, User
from tests.webhooks.webhook_steps import URL, activity
from webhooks.models import Webhook

WEBHOOKS = "/api/platform/tenants/acme/webhooks"
ONE = f"{WEBHOOKS}/contact_form"

WRONG_URLS: list[Any] = [
    *("ftp://example.com/x", "javascript:alert(1)", "example.com/x", "//example.com", "https://", "https:///x"),
    *("https://user:pass@example.com/", "https://user@example.com/", "https://example.com/#part"),
    *("https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/", "https://[fd00::1]/"),
    *("https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/", "https://intranet/", "https://db.internal/"),
    *("https://printer.local/", "https://exa mple.com/", "https://example.com:0/", "https://example.com:99999/"),
    *("https://example.com/\nx", "https://[::1", "https://example.com/" + "a" * 2048, {}, []),
]
WRONG_HEADERS: list[Any] = [
    *(["X-Key"], "X-Key: 1", {"": "1"}, {"X Key": "1"}, {"X-Key": "a\r\nX-Other: b"}, {"X-Key": "ä"}, {"X-New": ""}),
    *({"Host": "example.com"}, {"content-type": "text/plain"}, {"Webhook-Signature": "v1,x"}, {"X-Signalbox-A": "1"}),
    *({"X-Key": "a" * 4097}, {"X-Key": {"a": 1}}, {f"X-{number}": "1" for number in range(51)}, {"X-Key": "***6789"}),
    {"X-Twice": "1", "x-twice": "2"},
]
WRONG: dict[str, list[Any]] = {
    "url": WRONG_URLS,
    "headers": WRONG_HEADERS,
    "description": ["a" * 501, None, ["a"]],
    "is_active": [None, "perhaps"],
    "event_types": ["order.paid", None, ["Order Paid"], [""], [None], [{}], [f"a{number}" for number in range(51)]],
    "auth_token": ["a b", "ä", "a" * 4097, ["a"], "***6789"],
    "payload_format": ["xml", None],
    "integration": ["n8n", 7, str(uuid4())],
    "retry_schedule": ["never"],
    "max_retries": [-1, 21, "many", 1.5],
    "retry_client_errors": [None],
    "timeout_ms": [999, 60001, None, 10**30],
    "max_concurrency": [0, 257],
    "rate_limit_per_minute": [0, 2**31],
    # What is not there, and what a caller may read but not write.
    "unknown": [1],
    "signing_secret": ["whsec_mine"],
    "id": [str(uuid4())],
    "version": [7],
    "tenant": ["other"],
    "total_calls": [0],
    "disabled_reason": ["manual"],
}


def assert_refuses(answer: Any, field: str) -> None:
    assert answer.status_code == 422, (field, answer.content)
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert {name.partition("[")[0].partition(".")[0] for name in problem["errors"]} == {field}
    assert all(reason for reasons in problem["errors"].values() for reason in reasons)


@pytest.mark.parametrize("field", WRONG)
def test_refuses_to_create_when_a_field_is_wrong(api: APIClient, tenant: Tenant, field: str) -> None:
    for value in WRONG[field]:
        assert_refuses(api.post(WEBHOOKS, {"workflow_name": "hook", "url": URL, field: value}), field)
    assert Webhook.objects.count() == 0
    assert activity(tenant) == []


@pytest.mark.parametrize("field", WRONG)
def test_refuses_to_change_when_a_field_is_wrong(api: APIClient, tenant: Tenant, webhook: Webhook, field: str) -> None:
    other = "is_active" if field == "retry_client_errors" else "retry_client_errors"
    for value in WRONG[field]:
        assert_refuses(api.patch(ONE, {other: False, field: value}), field)
        assert_refuses(api.put(ONE, {"url": URL, other: False, field: value}), field)
    stored = Webhook.objects.get()
    assert (stored.version, stored.retry_client_errors, stored.updated_at) == (1, True, webhook.updated_at)
    assert len(activity(tenant)) == 1


def test_refuses_to_create_when_the_name_is_wrong(api: APIClient, tenant: Tenant) -> None:
    names: list[Any] = [
        *("", " ", "Contact", "a b", "-a", "_a", "a/b", "a.b", "ä", "a" * 101, None, [], {}, True),
        *("analytics", "broadcast", "import", "export", "test", "0190f6ae-7b1a-7c3e-8d0a-000000000001"),
        "0190f6ae7b1a7c3e8d0a000000000001",
    ]
    for name in names:
        assert_refuses(api.post(WEBHOOKS, {"workflow_name": name, "url": URL}), "workflow_name")
    assert Webhook.objects.count() == 0


def test_refuses_to_create_when_the_name_is_missing(api: APIClient, tenant: Tenant) -> None:
    assert_refuses(api.post(WEBHOOKS, {"url": URL}), "workflow_name")


def test_refuses_to_create_when_there_is_no_url_and_no_base(api: APIClient, tenant: Tenant) -> None:
    assert_refuses(api.post(WEBHOOKS, {"workflow_name": "hook"}), "url")
    assert Webhook.objects.count() == 0


@pytest.mark.parametrize("method", ["put", "patch"])
def test_refuses_to_rename(api: APIClient, tenant: Tenant, webhook: Webhook, method: str) -> None:
    assert_refuses(getattr(api, method)(ONE, {"workflow_name": "other", "url": URL}), "workflow_name")
    assert Webhook.objects.get().workflow_name == "contact_form"


@pytest.mark.parametrize(
    ("address", "method", "body"),
    [
        (WEBHOOKS, "post", "{"),
        (WEBHOOKS, "post", "[]"),
        (WEBHOOKS, "post", '"text"'),
        (ONE, "patch", "not json"),
        (ONE, "put", '{"timeout_ms": NaN}'),
        (f"{ONE}/test", "post", '{"payload": '),
    ],
)
def test_answers_400_when_the_body_cannot_be_parsed(
    api: APIClient, tenant: Tenant, webhook: Webhook, address: str, method: str, body: str
) -> None:
    answer = getattr(api, method)(address, data=body, content_type="application/json")
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "application/problem+json")
    assert [hook.version for hook in Webhook.objects.all()] == [1]


@pytest.mark.parametrize(
    "query", ["is_active=perhaps", "integration=n8n", "ordering=url", "page_size=0", "workflow_name=%00"]
)
def test_refuses_to_list_when_a_parameter_is_wrong(
    api: APIClient, tenant: Tenant, webhook: Webhook, query: str
) -> None:
    assert_refuses(api.get(f"{WEBHOOKS}?{query}"), query.partition("=")[0])


@pytest.mark.parametrize("body", [{"payload": []}, {"payload": "text"}, {"payload": None}, {"wait": 5}])
def test_refuses_to_send_a_test_when_the_body_is_wrong(
    api: APIClient, tenant: Tenant, webhook: Webhook, body: dict[str, Any]
) -> None:
    assert_refuses(api.post(f"{ONE}/test", body), next(iter(body)))


def test_answers_404_when_the_tenant_is_unknown(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    unknown = "/api/platform/tenants/unknown/webhooks"
    for address, methods in (
        (unknown, ("get", "post")),
        (f"{unknown}/contact_form", ("get", "put", "patch", "delete")),
        (f"{unknown}/contact_form/secret", ("get",)),
        (f"{unknown}/contact_form/test", ("post",)),
    ):
        for method in methods:
            assert getattr(api, method)(address).status_code == 404
    assert Webhook.objects.count() == 1


@pytest.mark.parametrize("is_logged_in", [True, False])
def test_changes_nothing_when_the_caller_is_no_platform_admin(
    tenant: Tenant, webhook: Webhook, anonymous_api: APIClient, is_logged_in: bool
) -> None:
    entries = ActivityLog.objects.count()
    if is_logged_in:
        user = User.objects.create_user("mia", password="x")
        anonymous_api.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user=user).access}")
    expected = 403 if is_logged_in else 401
    assert anonymous_api.get(WEBHOOKS).status_code == expected
    assert anonymous_api.post(WEBHOOKS, {"workflow_name": "hook", "url": URL}).status_code == expected
    assert anonymous_api.get(ONE).status_code == expected
    assert anonymous_api.put(ONE, {"url": "https://stolen.example.com/"}).status_code == expected
    assert anonymous_api.patch(ONE, {"is_active": False}).status_code == expected
    assert anonymous_api.delete(ONE).status_code == expected
    assert anonymous_api.get(f"{ONE}/secret").status_code == expected
    assert anonymous_api.post(f"{ONE}/test").status_code == expected
    stored = Webhook.objects.get()
    assert (stored.version, stored.is_active) == (1, True)
    assert ActivityLog.objects.count() == entries
