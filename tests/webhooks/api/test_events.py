"""`POST …/events`."""

from __future__ import annotations

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
from tests.webhooks.sending_steps import BAD_PAYLOADS, NOTHING, make_webhook, receivers, row_counts
from webhooks.models import Event, Payload

EVENTS = "/api/platform/tenants/acme/events"
WRONG_TYPE = {"type": ["Use a-z, 0-9 and _ in segments joined by dots, such as order.paid."]}


def post_raw(api: APIClient, body: bytes) -> Any:
    return api.post(EVENTS, data=body, content_type="application/json")


def test_an_event_is_accepted(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    for name, types in (("below", ["contact.*"]), ("other", ["order.*"]), ("by_name", [])):
        make_webhook(tenant, admin_actor, name, types)

    answer = api.post(
        EVENTS,
        {"type": "contact.created", "payload": {"b": 1, "a": "Zoë"}, "triggered_by": "job", "metadata": {"k": 1}},
    )

    event = Event.objects.get()
    assert answer.status_code == 202
    assert list(answer.json()) == ["id", "deliveries"]
    assert (answer.json()["id"], len(answer.json()["deliveries"])) == (str(event.id), 1)
    assert receivers(event.id) == ["below"]
    assert (event.event_type, event.triggered_by, event.metadata) == ("contact.created", "job", {"k": 1})
    assert Payload.objects.get().body == '{"b":1,"a":"Zoë"}'


def test_an_event_that_nobody_wants_is_accepted(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "by_name")

    answer = api.post(EVENTS, {"type": "contact.created", "payload": {}})

    assert (answer.status_code, answer.json()["deliveries"]) == (202, [])
    assert row_counts() == NOTHING | {"Event": 1, "Payload": 1}


@pytest.mark.parametrize(("keyed", "count"), [({}, 6), ({"idempotency_key": "k"}, 7)])
def test_an_event_takes_few_statements(
    api: APIClient, tenant: Tenant, admin_actor: Actor, keyed: dict[str, str], count: int
) -> None:
    for number in range(5):
        make_webhook(tenant, admin_actor, f"webhook_{number}", ["*"])

    with CaptureQueriesContext(connection) as queries:
        api.post(EVENTS, {"type": "a", "payload": {}, **keyed})

    # Who asks, which tenant, entering and (inside the test's transaction) leaving its scope, who wants it, the key,
    # the rows.
    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == count


def test_waiting_answers_with_the_results(
    transactional_db: None, api: APIClient, tenant: Tenant, admin_actor: Actor, receiver: Receiver
) -> None:
    make_webhook(tenant, admin_actor, "good", ["order.*"], url=receiver.url("/good"))

    with running_engine():
        body = {"type": "order.paid", "payload": {"a": 1}, "idempotency_key": "k"}
        first, again = (api.post(f"{EVENTS}?wait=true", body) for _ in range(2))

    assert (first.status_code, again.status_code) == (200, 200)
    result = first.json()["results"]["good"]
    assert (result["success"], result["status_code"], result["attempts"]) == (True, 200, 1)
    assert [result["delivery_id"]] == first.json()["deliveries"]
    assert first.json() == again.json()
    assert len(receiver.requests) == 1


@pytest.mark.django_db(transaction=True)
def test_waiting_answers_202_when_the_wait_runs_out(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "slow", ["*"])

    answer = api.post(f"{EVENTS}?wait=true&wait_seconds=0.05", {"type": "a", "payload": {}})
    nobody = api.post(f"{EVENTS}?wait=false", {"type": "a", "payload": {}})

    assert (answer.status_code, answer.json()["results"]["slow"]["success"]) == (202, None)
    assert (nobody.status_code, "results" in nobody.json()) == (202, False)


@pytest.mark.django_db(transaction=True)
def test_waiting_for_nobody_answers_200(api: APIClient, tenant: Tenant) -> None:
    answer = api.post(f"{EVENTS}?wait=true", {"type": "a", "payload": {}})

    assert (answer.status_code, answer.json()["deliveries"], answer.json()["results"]) == (200, [], {})


@pytest.mark.parametrize(
    "event_type",
    ["", "Contact", "contact created", "contact-created", "a..b", ".a", "a.", "a.*", "*", "ü", None, 7, []],
)
def test_a_type_that_is_none_is_refused(api: APIClient, tenant: Tenant, event_type: Any) -> None:
    answer = api.post(EVENTS, {"type": event_type, "payload": {}, "idempotency_key": "k"})

    assert (answer.status_code, answer.json()["errors"]) == (422, WRONG_TYPE)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert row_counts() == NOTHING


@pytest.mark.parametrize(
    ("payload", "reason"), [bad for bad in BAD_PAYLOADS if "NUL" not in bad[1] and "lone" not in bad[1]]
)
def test_a_bad_payload_is_refused(api: APIClient, tenant: Tenant, payload: Any, reason: str) -> None:
    answer = api.post(EVENTS, {"type": "a", "payload": payload, "idempotency_key": "k"})

    assert (answer.status_code, answer.json()["errors"]) == (422, {"payload": [reason]})
    assert row_counts() == NOTHING


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (rb'{"a": "\u0000"}', 422),
        (rb'{"\u0000": 1}', 422),
        (rb'{"a": ["\ud800"]}', 422),
        (b'{"a": NaN}', 400),
        (b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}", 400),
        (b'{"a": ', 400),
        (b'{"a": "\xff"}', 400),
    ],
)
def test_what_cannot_be_stored_is_refused(api: APIClient, tenant: Tenant, payload: bytes, status: int) -> None:
    answer = post_raw(api, b'{"type": "a", "payload": ' + payload + b"}")

    assert answer.status_code == answer.json()["status"] == status
    assert row_counts() == NOTHING


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"type": ["This field is required."], "payload": ["This field is required."]}),
        (
            {"type": "a", "payload": {}, "colour": 1},
            {"colour": ["There is no such field. Allowed: type, payload, idempotency_key, triggered_by, metadata."]},
        ),
        ({"type": "a", "payload": {}, "triggered_by": None}, {"triggered_by": ["Give a text."]}),
        ({"type": "a", "payload": {}, "metadata": [1]}, {"metadata": ["Give a JSON object."]}),
        (
            {"type": "a", "payload": {}, "idempotency_key": 7},
            {"idempotency_key": ["Give 1 to 255 characters of printable ASCII, without blanks around."]},
        ),
    ],
)
def test_wrong_fields_are_named_and_nothing_is_stored(
    api: APIClient, tenant: Tenant, body: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    answer = api.post(EVENTS, body)

    assert (answer.status_code, answer.json()["errors"]) == (422, errors)
    assert row_counts() == NOTHING


@pytest.mark.parametrize("key", ["", " ", "ü", "k" * 256])
def test_a_header_that_is_no_key_is_refused(api: APIClient, tenant: Tenant, key: str) -> None:
    answer = api.post(EVENTS, {"type": "a", "payload": {}}, headers={"Idempotency-Key": key})

    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["idempotency_key"])
    assert row_counts() == NOTHING


def test_the_same_key_answers_the_same_event_or_409(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "all", ["*"])
    body = {"type": "order.paid", "payload": {"a": 1, "b": 2}}
    first = api.post(EVENTS, {**body, "idempotency_key": "k"})
    by_header = api.post(EVENTS, {**body, "payload": {"b": 2, "a": 1}}, headers={"Idempotency-Key": "k"})
    conflict = api.post(EVENTS, {**body, "type": "order.lost"}, headers={"Idempotency-Key": "k"})
    different = api.post(EVENTS, {**body, "idempotency_key": "k"}, headers={"Idempotency-Key": "l"})

    assert [answer.status_code for answer in (first, by_header, conflict, different)] == [202, 202, 409, 422]
    assert first.json() == by_header.json()
    assert by_header.headers["Idempotency-Replayed"] == "true"
    assert conflict.json()["detail"] == "The idempotency key k was given before with something else."
    assert row_counts() == {"Event": 1, "Payload": 1, "Delivery": 1, "Due": 1, "IdempotencyKey": 1}


def test_an_inactive_tenant_is_403(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "all", ["*"])
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)

    answer = api.post(EVENTS, {"type": "a", "payload": {}, "idempotency_key": "k"})

    assert (answer.status_code, answer.json()["title"]) == (403, "Forbidden")
    assert row_counts() == NOTHING


def test_an_unknown_tenant_is_404(api: APIClient, tenant: Tenant) -> None:
    assert api.post(EVENTS.replace("acme", "nobody"), {"type": "a", "payload": {}}).status_code == 404
    assert row_counts() == NOTHING
