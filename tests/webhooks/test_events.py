"""Publishing events from Python."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from integrations.activity.actor import Actor
from integrations.errors import InvalidInputError
from integrations.models import Tenant
from integrations.services.tenants import update_tenant
from tests.engine_process import running_engine
from tests.receiver import Receiver
from tests.webhooks.sending_steps import BAD_PAYLOADS, NOTHING, make_webhook, receivers, row_counts
from tests.webhooks.webhook_steps import update
from webhooks.errors import IdempotencyConflict, TenantInactive
from webhooks.models import Delivery, Due, Event, IdempotencyKey, Payload, Webhook
from webhooks.services.accept import Accepted
from webhooks.services.events import publish_batch, publish_event


@pytest.fixture
def subscribed(tenant: Tenant, admin_actor: Actor) -> dict[str, Webhook]:
    wanted = {"exact": ["contact.created"], "below": ["contact.*"], "all": ["*"], "other": ["order.*"], "by_name": []}
    return {name: make_webhook(tenant, admin_actor, name, types) for name, types in wanted.items()}


def test_an_event_goes_to_the_webhooks_that_want_its_type(tenant: Tenant, subscribed: dict[str, Webhook]) -> None:
    sent = publish_event(tenant, "contact.created", {"b": 1, "a": "Zoë"}, triggered_by="signup", metadata={"k": [1]})

    assert list(sent.results) == receivers(sent.event_id) == ["all", "below", "exact"]
    assert [result.success for result in sent.results.values()] == [None, None, None]
    event = Event.objects.get()
    assert (event.id, event.tenant_id, event.event_type) == (sent.event_id, tenant.id, "contact.created")
    assert (event.triggered_by, event.metadata) == ("signup", {"k": [1]})
    assert Payload.objects.get(id=event.id).body == '{"b":1,"a":"Zoë"}'
    assert {row.id for row in Delivery.objects.filter(event_id=event.id, state="pending")} == set(sent.delivery_ids)
    assert list(sent.delivery_ids) == sorted(sent.delivery_ids)


def test_an_event_passes_by_disabled_webhooks_and_other_tenants(
    tenant: Tenant, other_tenant: Tenant, subscribed: dict[str, Webhook], admin_actor: Actor
) -> None:
    make_webhook(other_tenant, admin_actor, "stranger", ["*"])
    update(subscribed["below"], admin_actor, is_active=False)

    sent = publish_event(tenant, "contact.created", {})

    assert list(sent.results) == receivers(sent.event_id) == ["all", "exact"]


def test_an_event_that_nobody_wants_is_stored(tenant: Tenant, admin_actor: Actor) -> None:
    make_webhook(tenant, admin_actor, "by_name")

    sent = publish_event(tenant, "contact.created", {})

    assert (sent.results, sent.delivery_ids) == ({}, ())
    assert row_counts() == NOTHING | {"Event": 1, "Payload": 1}


def test_a_webhook_without_an_address_does_not_keep_the_others_from_theirs(
    tenant: Tenant, subscribed: dict[str, Webhook]
) -> None:
    subscribed["exact"].url = None
    subscribed["exact"].save(update_fields=["url"])

    assert list(publish_event(tenant, "contact.created", {}).results) == ["all", "below", "exact"]


def test_an_event_has_the_callers_own_rules(tenant: Tenant, subscribed: dict[str, Webhook]) -> None:
    publish_event(tenant, "order.paid", {}, max_retries=2, timeout=1.5)

    assert {(row.max_retries, row.timeout_ms, row.retry_schedule) for row in Due.objects.all()} == {(2, 1500, "")}


def test_an_event_is_rolled_back_with_the_callers_transaction(
    tenant: Tenant, subscribed: dict[str, Webhook], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as callbacks, pytest.raises(ZeroDivisionError), transaction.atomic():
        Tenant.objects.filter(id=tenant.id).update(name="Renamed")
        publish_event(tenant, "contact.created", {}, idempotency_key="k")
        assert row_counts() == {"Event": 1, "Payload": 1, "Delivery": 3, "Due": 3, "IdempotencyKey": 1}
        raise ZeroDivisionError

    assert row_counts() == NOTHING
    assert Tenant.objects.get(id=tenant.id).name == "Acme"
    assert callbacks == []


def test_an_event_is_stored_with_the_callers_transaction(tenant: Tenant, subscribed: dict[str, Webhook]) -> None:
    with transaction.atomic():
        publish_event(tenant, "order.paid", {})
        Tenant.objects.filter(id=tenant.id).update(name="Renamed")  # as the owner again

    assert (Event.objects.count(), Tenant.objects.get(id=tenant.id).name) == (1, "Renamed")


@pytest.mark.parametrize(("payload", "reason"), BAD_PAYLOADS)
def test_a_bad_payload_is_refused_before_anything_is_stored(
    tenant: Tenant, subscribed: dict[str, Webhook], payload: Any, reason: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        publish_event(tenant, "contact.created", payload, idempotency_key="k")

    assert refusal.value.errors == {"payload": [reason]}
    assert row_counts() == NOTHING


def test_the_largest_payload_is_accepted(tenant: Tenant) -> None:
    publish_event(tenant, "a", {"a": "x" * 262_136})

    assert len(Payload.objects.get().body) == 262_144


def test_every_wrong_field_is_named_at_once(tenant: Tenant) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        publish_event(
            tenant,
            "Contact Created",
            [],  # type: ignore[arg-type]
            idempotency_key="two\nlines",
            triggered_by="x" * 101,
            metadata={"a": "\0"},
        )

    assert sorted(refusal.value.errors) == ["idempotency_key", "metadata", "payload", "triggered_by", "type"]
    assert row_counts() == NOTHING


def test_a_payload_may_be_64_levels_deep(tenant: Tenant) -> None:
    deep: Any = []
    for _ in range(62):
        deep = [deep]

    publish_event(tenant, "a", {"a": deep})
    with pytest.raises(InvalidInputError) as refusal:
        publish_event(tenant, "a", {"a": [deep]})

    assert refusal.value.errors == {"payload": ["It is nested more than 64 levels deep."]}
    assert row_counts() == NOTHING | {"Event": 1, "Payload": 1}


def test_an_inactive_tenant_publishes_nothing(
    tenant: Tenant, subscribed: dict[str, Webhook], admin_actor: Actor
) -> None:
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)

    with pytest.raises(TenantInactive):
        publish_event(tenant, "contact.created", {}, idempotency_key="k")
    with pytest.raises(TenantInactive):
        publish_batch(tenant, [{"type": "contact.created", "payload": {}, "idempotency_key": "k"}])
    assert row_counts() == NOTHING


def test_waiting_inside_a_transaction_is_refused(tenant: Tenant, subscribed: dict[str, Webhook]) -> None:
    with transaction.atomic(), pytest.raises(TransactionManagementError, match="wait=False"):
        publish_event(tenant, "contact.created", {}, wait=True)

    assert row_counts() == NOTHING


def test_waiting_returns_what_each_endpoint_answered(
    transactional_db: None, tenant: Tenant, admin_actor: Actor, receiver: Receiver
) -> None:
    make_webhook(tenant, admin_actor, "good", ["order.*"], url=receiver.url("/good"))
    make_webhook(tenant, admin_actor, "bad", ["order.*"], url=receiver.url("/bad"))
    receiver.answer("/bad", status=400, body="no")

    with running_engine():
        sent = publish_event(tenant, "order.paid", {"total": 7}, wait=True)

    assert {name: (one.success, one.status_code) for name, one in sent.results.items()} == {
        "bad": (False, 400),
        "good": (True, 200),
    }
    assert (sent.results["bad"].response_body, sent.results["bad"].attempts) == ("no", 1)
    assert {request.headers["X-Signalbox-Event-Type"] for request in receiver.requests} == {"order.paid"}


def test_waiting_for_nobody_takes_no_time(transactional_db: None, tenant: Tenant) -> None:
    assert publish_event(tenant, "order.paid", {}, wait=True, wait_seconds=30).results == {}


def test_a_batch_answers_each_event_in_order_and_a_bad_one_spoils_no_other(
    tenant: Tenant, subscribed: dict[str, Webhook]
) -> None:
    answers = publish_batch(
        tenant,
        [
            {"type": "contact.created", "payload": {"n": 1}},
            {"type": "Contact", "payload": {"n": 2}},
            "text",
            {"type": "nobody.wants", "payload": {"n": 3}, "metadata": None},
            {"payload": [], "colour": "red"},
            {"type": "order.paid", "payload": {"n": 4}, "triggered_by": "job", "metadata": {"k": 1}},
        ],
    )

    good = [answer for answer in answers if isinstance(answer, Accepted)]
    assert [answers.index(answer) for answer in good] == [0, 3, 5]
    assert [receivers(answer.event_id) for answer in good] == [["all", "below", "exact"], ["all"], ["all", "other"]]
    assert [len(answer.delivery_ids) for answer in good] == [3, 1, 2]
    bodies = Payload.objects.in_bulk([answer.event_id for answer in good])
    assert [bodies[answer.event_id].body for answer in good] == ['{"n":1}', '{"n":3}', '{"n":4}']
    last = Event.objects.get(id=good[2].event_id)
    assert (last.event_type, last.triggered_by, last.metadata) == ("order.paid", "job", {"k": 1})
    assert [answers[position].errors for position in (1, 2, 4)] == [  # type: ignore[union-attr]
        {"type": ["Use a-z, 0-9 and _ in segments joined by dots, such as order.paid."]},
        {"non_field_errors": ["Give a JSON object."]},
        {
            "type": ["This field is required."],
            "payload": ["Give a JSON object."],
            "colour": ["There is no such field. Allowed: type, payload, idempotency_key, triggered_by, metadata."],
        },
    ]
    assert row_counts() == {"Event": 3, "Payload": 3, "Delivery": 6, "Due": 6, "IdempotencyKey": 0}


def test_a_batch_without_a_good_event_stores_nothing(tenant: Tenant) -> None:
    (answer,) = publish_batch(tenant, [{}])

    assert isinstance(answer, InvalidInputError)
    assert row_counts() == NOTHING


@pytest.mark.parametrize("count", [0, 1001])
def test_a_batch_of_a_wrong_size_is_refused(tenant: Tenant, count: int) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        publish_batch(tenant, [{"type": "a", "payload": {}}] * count)

    assert list(refusal.value.errors) == ["events"]
    assert row_counts() == NOTHING


@pytest.mark.parametrize("count", [1, 1000])
def test_a_batch_takes_a_handful_of_statements_however_many_events(
    tenant: Tenant, subscribed: dict[str, Webhook], count: int
) -> None:
    with CaptureQueriesContext(connection) as queries:
        publish_batch(
            tenant, [{"type": "order.paid", "payload": {"n": n}, "idempotency_key": f"k{n}"} for n in range(count)]
        )

    inside = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"] and "set_config" not in query["sql"]]
    assert len(inside) == 3  # who wants it, the keys, the rows
    assert Delivery.objects.count() == 2 * count


def test_a_batch_gives_equal_keys_one_event(tenant: Tenant, subscribed: dict[str, Webhook]) -> None:
    event = {"type": "order.paid", "payload": {"n": 1}, "idempotency_key": "k"}
    (earlier,) = publish_batch(tenant, [event])

    answers = publish_batch(
        tenant,
        [
            {**event, "idempotency_key": "new"},
            event,
            {**event, "payload": {"n": 2}},
            {**event, "idempotency_key": "new"},
            {**event, "idempotency_key": "new", "type": "order.lost"},
        ],
    )

    assert isinstance(earlier, Accepted)
    assert isinstance(answers[0], Accepted)
    assert [isinstance(answer, IdempotencyConflict) for answer in answers] == [False, False, True, False, True]
    assert [getattr(answer, "is_replay", None) for answer in answers] == [False, True, None, True, None]
    assert [getattr(answer, "event_id", None) for answer in answers[1:4]] == [
        earlier.event_id,
        None,
        answers[0].event_id,
    ]
    assert answers[1].delivery_ids == earlier.delivery_ids  # type: ignore[union-attr]
    assert answers[3].delivery_ids == answers[0].delivery_ids  # type: ignore[union-attr]
    assert row_counts() == {"Event": 2, "Payload": 2, "Delivery": 4, "Due": 4, "IdempotencyKey": 2}
    assert IdempotencyKey.objects.get(key="new").event_id == answers[0].event_id
