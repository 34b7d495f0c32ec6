"""`POST …/events/batch`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.services.tenants import update_tenant
from tests.webhooks.sending_steps import NOTHING, make_webhook, receivers, row_counts
from webhooks.models import Event, Payload

BATCH = "/api/platform/tenants/acme/events/batch"
EVENT = {"type": "order.paid", "payload": {"a": 1}}


def post_raw(api: APIClient, body: bytes) -> Any:
    return api.post(BATCH, data=body, content_type="application/json")


def test_each_event_has_its_own_answer_in_order(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "orders", ["order.*"])
    make_webhook(tenant, admin_actor, "all", ["*"])

    answer = api.post(
        BATCH,
        {
            "events": [
                EVENT,
                {"type": "Order Paid", "payload": {}},
                {"type": "contact.created", "payload": {"b": 2}, "triggered_by": "job", "metadata": {"k": 1}},
                7,
            ]
        },
    )

    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 2)
    first, second, third, fourth = body["results"]
    assert (first["status"], third["status"]) == (202, 202)
    assert (receivers(first["id"]), receivers(third["id"])) == (["all", "orders"], ["all"])
    assert (len(first["deliveries"]), len(third["deliveries"])) == (2, 1)
    assert Payload.objects.get(id=third["id"]).body == '{"b":2}'
    assert second == {
        "status": 422,
        "detail": "The event has wrong fields: type.",
        "errors": {"type": ["Use a-z, 0-9 and _ in segments joined by dots, such as order.paid."]},
    }
    assert fourth["errors"] == {"non_field_errors": ["Give a JSON object."]}
    assert row_counts() == {"Event": 2, "Payload": 2, "Delivery": 3, "Due": 3, "IdempotencyKey": 0}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (rb'{"a": "\u0000"}', "It holds the character NUL, which cannot be stored."),
        (rb'{"\u0000": "a"}', "It holds the character NUL, which cannot be stored."),
        (rb'{"a": "\ud800"}', "It holds a lone surrogate, which is no character."),
        (b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}", "It is nested more than 64 levels deep."),
        (b'{"a": "' + b"x" * 262_137 + b'"}', "It has 262,145 bytes as JSON; at most 262,144 are accepted."),
        (b"[1]", "Give a JSON object."),
        (b"null", "Give a JSON object."),
    ],
)
def test_a_bad_payload_spoils_no_other_event(api: APIClient, tenant: Tenant, payload: bytes, reason: str) -> None:
    good = json.dumps(EVENT).encode()

    answer = post_raw(api, b'{"events": [' + good + b', {"type": "a", "payload": ' + payload + b"}, " + good + b"]}")

    assert [result["status"] for result in answer.json()["results"]] == [202, 422, 202]
    assert answer.json()["results"][1]["errors"] == {"payload": [reason]}
    assert row_counts() == NOTHING | {"Event": 2, "Payload": 2}


@pytest.mark.parametrize("name", [r"\u0000", r"\ud800", "x" * 5000])
def test_a_strange_field_is_answered_and_spoils_no_other_event(api: APIClient, tenant: Tenant, name: str) -> None:
    answer = post_raw(
        api, b'{"events": [{"%s": 1, "type": "a", "payload": {}}, %s]}' % (name.encode(), json.dumps(EVENT).encode())
    )

    assert [result["status"] for result in answer.json()["results"]] == [422, 202]
    assert Event.objects.count() == 1


def test_a_batch_may_have_a_thousand_events(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "all", ["*"])

    answer = api.post(BATCH, {"events": [{"type": "a", "payload": {"n": n}} for n in range(1000)]})

    assert (answer.status_code, answer.json()["accepted"]) == (202, 1000)
    bodies = {str(payload.id): payload.body for payload in Payload.objects.all()}
    assert [bodies[result["id"]] for result in answer.json()["results"]] == [f'{{"n":{n}}}' for n in range(1000)]
    assert row_counts() == {"Event": 1000, "Payload": 1000, "Delivery": 1000, "Due": 1000, "IdempotencyKey": 0}


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"events": ["This field is required."]}),
        ({"events": None}, {"events": ["Give a list of events."]}),
        ({"events": EVENT}, {"events": ["Give a list of events."]}),
        ({"events": []}, {"events": ["Give 1 to 1,000 events; these are 0."]}),
        ({"events": [EVENT] * 1001}, {"events": ["Give 1 to 1,000 events; these are 1,001."]}),
        ({"events": [EVENT], "type": "a"}, {"non_field_errors": ["There is no field beside events."]}),
    ],
)
def test_a_batch_that_is_none_is_refused(
    api: APIClient, tenant: Tenant, body: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    answer = api.post(BATCH, body)

    assert (answer.status_code, answer.json()["errors"]) == (422, errors)
    assert row_counts() == NOTHING


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"events": [NaN]}', b'{"events": ["\xff"]}', b'{"events": ' + b"[" * 100_000]
)
def test_a_body_that_cannot_be_read_is_refused(api: APIClient, tenant: Tenant, body: bytes) -> None:
    assert post_raw(api, body).status_code == (400 if body else 422)
    assert row_counts() == NOTHING


def test_a_batch_may_have_8_mib_and_no_more(api: APIClient, tenant: Tenant) -> None:
    body = json.dumps({"events": [EVENT]}).encode()
    largest = body + b" " * (8 * 1024 * 1024 - len(body))

    assert post_raw(api, largest + b" ").status_code == 413
    assert row_counts() == NOTHING
    assert post_raw(api, largest).status_code == 202


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [("?wait=true", {}, "wait"), ("?wait=maybe", {}, "wait"), ("", {"Idempotency-Key": "k"}, "idempotency_key")],
)
def test_a_batch_neither_waits_nor_has_one_key(
    api: APIClient, tenant: Tenant, query: str, headers: dict[str, str], field: str
) -> None:
    answer = api.post(f"{BATCH}{query}", {"events": [EVENT]}, headers=headers)

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert row_counts() == NOTHING


def test_a_batch_that_is_sent_again_stores_only_what_was_not_stored(
    api: APIClient, tenant: Tenant, admin_actor: Actor
) -> None:
    make_webhook(tenant, admin_actor, "all", ["*"])
    single = api.post(BATCH.removesuffix("/batch"), {**EVENT, "idempotency_key": "k0"})
    events = [{**EVENT, "idempotency_key": f"k{number}"} for number in range(3)]

    first = api.post(BATCH, {"events": events[:2]}).json()
    again = api.post(BATCH, {"events": [*events, {**EVENT, "payload": {}, "idempotency_key": "k1"}]}).json()

    assert first["results"][0]["id"] == single.json()["id"]
    assert again["results"][:2] == first["results"]
    assert (again["accepted"], again["refused"]) == (3, 1)
    assert again["results"][3] == {
        "status": 409,
        "detail": "The idempotency key k1 was given before with something else.",
    }
    assert row_counts() == {"Event": 3, "Payload": 3, "Delivery": 3, "Due": 3, "IdempotencyKey": 3}


def test_an_inactive_tenant_is_403(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)

    assert api.post(BATCH, {"events": [EVENT]}).status_code == 403
    assert api.post(BATCH, {"events": [7]}).status_code == 403
    assert row_counts() == NOTHING
