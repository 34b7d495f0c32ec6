"""`POST …/webhooks/{webhook}/call` and `POST …/webhooks/broadcast`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.services.tenants import update_tenant
from tests.engine_process import running_engine
from tests.receiver import Receiver
from tests.webhooks.sending_steps import NOTHING, make_webhook, receivers, row_counts
from tests.webhooks.webhook_steps import update
from webhooks.models import Delivery, Due, Event, Payload, Webhook

WEBHOOKS = "/api/platform/tenants/acme/webhooks"
CALL = f"{WEBHOOKS}/contact_form/call"
BROADCAST = f"{WEBHOOKS}/broadcast"
WAYS = pytest.mark.parametrize("way", [CALL, BROADCAST])


def post_raw(api: APIClient, path: str, body: bytes) -> Any:
    return api.post(path, data=body, content_type="application/json")


def test_a_call_is_accepted(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    answer = api.post(
        CALL,
        {
            "payload": {"b": 1, "a": "Zoë"},
            "triggered_by": " job ",
            "metadata": {"k": 1},
            "max_retries": 0,
            "timeout": 2.5,
        },
    )

    event, delivery = Event.objects.get(), Delivery.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {"id": str(event.id), "deliveries": [str(delivery.id)]}
    assert (event.event_type, event.triggered_by, event.metadata) == ("", " job ", {"k": 1})
    assert Payload.objects.get().body == '{"b":1,"a":"Zoë"}'
    assert (delivery.target_id, delivery.max_retries, delivery.timeout_ms) == (webhook.id, 0, 2500)
    assert row_counts() == {"Event": 1, "Payload": 1, "Delivery": 1, "Due": 1, "IdempotencyKey": 0}


def test_a_webhook_is_called_by_its_id_too(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    assert api.post(f"{WEBHOOKS}/{webhook.id}/call", {"payload": {}}).status_code == 202
    assert Delivery.objects.get().target_id == webhook.id


def test_a_call_takes_few_statements(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    with CaptureQueriesContext(connection) as queries:
        api.post(CALL, {"payload": {}})

    statements = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
    # Who asks, which tenant, entering and (inside the test's transaction) leaving its scope, the webhook, the rows.
    assert len(statements) == 6


def test_a_broadcast_reaches_every_active_webhook(
    api: APIClient, tenant: Tenant, webhook: Webhook, admin_actor: Actor
) -> None:
    make_webhook(tenant, admin_actor, "another", ["order.*"])
    update(make_webhook(tenant, admin_actor, "disabled"), admin_actor, is_active=False)

    answer = api.post(BROADCAST, {"payload": {"a": 1}})

    assert answer.status_code == 202
    assert receivers(answer.json()["id"]) == ["another", "contact_form"]
    assert answer.json()["deliveries"] == [str(row.delivery_id) for row in Due.objects.order_by("delivery_id")]


def test_a_broadcast_to_nobody_is_accepted(api: APIClient, tenant: Tenant) -> None:
    answer = api.post(BROADCAST, {"payload": {}})

    assert (answer.status_code, answer.json()["deliveries"]) == (202, [])
    assert row_counts() == NOTHING | {"Event": 1, "Payload": 1}


def test_waiting_answers_with_the_results(
    transactional_db: None, api: APIClient, tenant: Tenant, admin_actor: Actor, receiver: Receiver
) -> None:
    make_webhook(tenant, admin_actor, "good", url=receiver.url("/good"))
    make_webhook(tenant, admin_actor, "bad", url=receiver.url("/bad"))
    receiver.answer("/bad", status=400, body="no")

    with running_engine():
        called = api.post(f"{WEBHOOKS}/good/call?wait=true", {"payload": {"a": 1}})
        broadcast = api.post(f"{BROADCAST}?wait=true&wait_seconds=20", {"payload": {"a": 1}})

    assert (called.status_code, broadcast.status_code) == (200, 200)
    result = called.json()
    assert result["deliveries"] == [result["delivery_id"]]
    assert result["id"] == str(Delivery.objects.get(id=result["delivery_id"]).event_id)
    assert (result["success"], result["status_code"], result["attempts"]) == (True, 200, 1)
    results = broadcast.json()["results"]
    assert {name: (one["success"], one["status_code"]) for name, one in results.items()} == {
        "bad": (False, 400),
        "good": (True, 200),
    }
    assert {one["delivery_id"] for one in results.values()} == set(broadcast.json()["deliveries"])


@pytest.mark.django_db(transaction=True)
def test_waiting_answers_202_when_the_wait_runs_out(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    called = api.post(f"{CALL}?wait=true&wait_seconds=0.05", {"payload": {}})
    broadcast = api.post(f"{BROADCAST}?wait=true&wait_seconds=0.05", {"payload": {}})

    assert (called.status_code, broadcast.status_code) == (202, 202)
    assert (called.json()["success"], called.json()["attempts"]) == (None, 0)
    assert called.json()["delivery_id"] == called.json()["deliveries"][0]
    assert broadcast.json()["results"]["contact_form"]["success"] is None
    assert {row.retry_schedule for row in Due.objects.all()} == {"quick"}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("wait=yes", "wait"),
        ("wait=", "wait"),
        ("wait=true&wait_seconds=ten", "wait_seconds"),
        ("wait=true&wait_seconds=0", "wait_seconds"),
        ("wait=true&wait_seconds=60.1", "wait_seconds"),
        ("wait=true&wait_seconds=nan", "wait_seconds"),
    ],
)
@WAYS
@pytest.mark.django_db(transaction=True)
def test_a_wait_that_is_none_is_refused(
    api: APIClient, tenant: Tenant, webhook: Webhook, way: str, query: str, field: str
) -> None:
    answer = api.post(f"{way}?{query}", {"payload": {}})

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert row_counts() == NOTHING


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"payload": ["This field is required."]}),
        ({"payload": None}, {"payload": ["This field may not be null."]}),
        ({"payload": [1]}, {"payload": ['Expected a dictionary of items but got type "list".']}),
        ({"payload": "text"}, {"payload": ['Expected a dictionary of items but got type "str".']}),
        (
            {"payload": {}, "triggered_by": "x" * 101},
            {"triggered_by": ["Ensure this field has no more than 100 characters."]},
        ),
        ({"payload": {}, "triggered_by": 7}, {"triggered_by": ["Not a valid string."]}),
        ({"payload": {}, "metadata": "x"}, {"metadata": ['Expected a dictionary of items but got type "str".']}),
        ({"payload": {}, "max_retries": 21}, {"max_retries": ["Ensure this value is less than or equal to 20."]}),
        ({"payload": {}, "timeout": 0.5}, {"timeout": ["Ensure this value is greater than or equal to 1."]}),
        (
            {"payload": {}, "type": "a"},
            {
                "type": [
                    "There is no such field. Allowed: payload, triggered_by, metadata, idempotency_key, max_retries, "
                    "timeout."
                ]
            },
        ),
        (
            {"payload": {"a": "x" * 262_137}},
            {"payload": ["It has 262,145 bytes as JSON; at most 262,144 are accepted."]},
        ),
        (
            {"payload": {}, "metadata": {"a": "x" * 16_377}},
            {"metadata": ["It has 16,385 bytes as JSON; at most 16,384 are accepted."]},
        ),
        (
            {"payload": {}, "idempotency_key": "ü"},
            {"idempotency_key": ["Give 1 to 255 characters of printable ASCII, without blanks around."]},
        ),
    ],
)
@WAYS
def test_wrong_fields_are_named_and_nothing_is_stored(
    api: APIClient, tenant: Tenant, webhook: Webhook, way: str, body: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    answer = api.post(way, body)

    assert (answer.status_code, answer.json()["errors"]) == (422, errors)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert row_counts() == NOTHING


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (rb'{"a": "\u0000"}', 422),
        (rb'{"\u0000": 1}', 422),
        (rb'{"a": ["\ud800"]}', 422),
        (b'{"a": NaN}', 400),
        (b'{"a": 1e999}', 400),
        (b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}", 400),
        (b'{"a": ', 400),
        (b'{"a": "\xff"}', 400),
        (b'{"a": "\x00"}', 400),
    ],
)
@WAYS
def test_what_cannot_be_stored_is_refused(
    api: APIClient, tenant: Tenant, webhook: Webhook, way: str, payload: bytes, status: int
) -> None:
    answer = post_raw(api, way, b'{"payload": ' + payload + b"}")

    assert answer.status_code == answer.json()["status"] == status
    assert row_counts() == NOTHING


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"null"])
@WAYS
def test_a_body_that_is_no_object_is_refused(
    api: APIClient, tenant: Tenant, webhook: Webhook, way: str, body: bytes
) -> None:
    assert post_raw(api, way, body).status_code == (400 if body else 422)
    assert row_counts() == NOTHING


@pytest.mark.parametrize(
    "reference",
    ["unknown", "Contact_Form", "stranger", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e", "a%00b", "%ED%A0%80", "x" * 200],
)
def test_an_unknown_webhook_is_404(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, webhook: Webhook, admin_actor: Actor, reference: str
) -> None:
    stranger = make_webhook(other_tenant, admin_actor, "stranger")

    for name in (reference, stranger.id):
        answer = api.post(f"{WEBHOOKS}/{name}/call", {"payload": {}, "idempotency_key": "k"})
        assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert row_counts() == NOTHING


def test_a_disabled_webhook_is_409(api: APIClient, tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)

    answer = api.post(CALL, {"payload": {}, "idempotency_key": "k"})

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "The webhook contact_form is disabled: enable it first.",
    )
    assert row_counts() == NOTHING


def test_a_webhook_without_an_address_is_409(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    webhook.url = None
    webhook.save(update_fields=["url"])

    answer = api.post(CALL, {"payload": {}})

    assert answer.status_code == 409
    assert "no n8n integration has a base_url" in answer.json()["detail"]
    assert row_counts() == NOTHING


@WAYS
def test_an_inactive_tenant_is_403(
    api: APIClient, tenant: Tenant, webhook: Webhook, admin_actor: Actor, way: str
) -> None:
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)

    answer = api.post(way, {"payload": {}, "idempotency_key": "k"})

    assert (answer.status_code, answer.json()["detail"]) == (403, "The tenant acme is inactive and accepts nothing.")
    assert row_counts() == NOTHING


@WAYS
def test_an_unknown_tenant_is_404(api: APIClient, webhook: Webhook, way: str) -> None:
    assert api.post(way.replace("acme", "nobody"), {"payload": {}}).status_code == 404
    assert row_counts() == NOTHING


@WAYS
def test_header_and_body_key_are_the_same_thing(api: APIClient, tenant: Tenant, webhook: Webhook, way: str) -> None:
    body = {"payload": {"a": 1}}
    first = api.post(way, {**body, "idempotency_key": "k"})
    by_header = api.post(way, body, headers={"Idempotency-Key": "k"})
    by_both = api.post(way, {**body, "idempotency_key": "k"}, headers={"Idempotency-Key": "k"})
    null_in_body = api.post(way, {**body, "idempotency_key": None}, headers={"Idempotency-Key": "k"})

    assert [answer.status_code for answer in (first, by_header, by_both, null_in_body)] == [202] * 4
    assert first.json() == by_header.json() == by_both.json() == null_in_body.json()
    assert "Idempotency-Replayed" not in first.headers
    assert by_header.headers["Idempotency-Replayed"] == "true"

    different = api.post(way, {**body, "idempotency_key": "k"}, headers={"Idempotency-Key": "other"})
    conflict = api.post(way, {"payload": {"a": 2}}, headers={"Idempotency-Key": "k"})
    assert (different.status_code, list(different.json()["errors"])) == (422, ["idempotency_key"])
    assert conflict.status_code == 409
    assert row_counts() == {"Event": 1, "Payload": 1, "Delivery": 1, "Due": 1, "IdempotencyKey": 1}


def test_name_and_id_of_a_webhook_are_one_route_for_a_key(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    body = {"payload": {}, "idempotency_key": "k"}

    assert api.post(CALL, body).json() == api.post(f"{WEBHOOKS}/{webhook.id}/call", body).json()
    assert api.post(BROADCAST, body).status_code == 409
    assert Event.objects.count() == 1


def test_the_largest_payload_is_accepted(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    body = json.dumps({"payload": {"a": "ü" * 131_068}}, indent=8).encode()  # escapes and blanks do not count

    assert post_raw(api, CALL, body).status_code == 202
    assert len(Payload.objects.get().body.encode()) == 262_144


def test_reading_a_way_in_is_405(api: APIClient, tenant: Tenant, webhook: Webhook) -> None:
    assert [api.get(way).status_code for way in (CALL, BROADCAST)] == [405, 405]
