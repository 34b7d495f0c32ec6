"""`…/deliveries`, one of them, sending it again and cancelling it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.calls import call, record
from tests.webhooks.delivery_steps import due, failed, make_delivery, stored, waiting
from tests.webhooks.webhook_steps import URL, update
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

pytestmark = pytest.mark.django_db

DELIVERIES = "/api/platform/tenants/acme/deliveries"


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


def test_lists_newest_first_with_names(api: APIClient, webhook: Webhook) -> None:
    old = failed(webhook, age=timedelta(days=9), event_type="contact.created")
    new = make_delivery(webhook)
    answer = api.get(DELIVERIES)
    assert ids(answer) == [str(new.id), str(old.id)]
    shown = answer.json()["results"][1]
    assert {name: shown[name] for name in ("workflow_name", "event_type", "state", "attempts", "last_status_code")} == {
        "workflow_name": "contact_form",
        "event_type": "contact.created",
        "state": "failed",
        "attempts": 3,
        "last_status_code": 500,
    }


def test_filters(api: APIClient, webhook: Webhook, admin_actor: Actor) -> None:
    other = create_webhook(actor=admin_actor, tenant=webhook.tenant, workflow_name="other", url=URL)
    bad, good = failed(webhook, event_type="order.paid"), make_delivery(webhook, state="succeeded")
    long_ago, of_other = failed(webhook, age=timedelta(days=8)), make_delivery(other)
    assert ids(api.get(DELIVERIES, {"webhook": "other"})) == [str(of_other.id)]
    assert ids(api.get(DELIVERIES, {"webhook": str(webhook.id), "state": "succeeded"})) == [str(good.id)]
    assert ids(api.get(DELIVERIES, {"event_type": "order.paid"})) == [str(bad.id)]
    assert ids(api.get(DELIVERIES, {"state": "failed"})) == [str(bad.id)]
    since = (timezone.now() - timedelta(days=10)).isoformat()
    assert ids(api.get(DELIVERIES, {"state": "failed", "from": since})) == [str(bad.id), str(long_ago.id)]
    until = (timezone.now() - timedelta(days=1)).isoformat()
    assert ids(api.get(DELIVERIES, {"to": until})) == [str(long_ago.id)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "broken"}, "state"),
        ({"from": "yesterday"}, "from"),
        ({"status": "failed"}, "status"),
        ({"cursor": "x"}, "cursor"),
        ({"page_size": "0"}, "page_size"),
    ],
)
def test_refuses_a_query_it_does_not_understand(
    api: APIClient, tenant: Tenant, query: dict[str, str], field: str
) -> None:
    answer = api.get(DELIVERIES, query)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_answers_404_for_the_deliveries_of_an_unknown_webhook(api: APIClient, tenant: Tenant) -> None:
    assert api.get(DELIVERIES, {"webhook": "nobody"}).status_code == 404


def test_costs_the_same_for_three_and_for_thirty(api: APIClient, webhook: Webhook) -> None:
    counts = []
    for rows in (3, 27):
        for _ in range(rows):
            failed(webhook)
        with CaptureQueriesContext(connection) as queries:
            api.get(DELIVERIES)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_shows_a_delivery_with_its_attempts_of_all_runs(api: APIClient, webhook: Webhook) -> None:
    delivery = failed(webhook, payload='{"name": "Ada"}', event_type="contact.created", run=2)
    now = timezone.now()
    record(
        [
            call(
                tenant_id=webhook.tenant_id,
                target_id=webhook.id,
                delivery_id=delivery.id,
                run=run,
                attempt=attempt,
                status_code=status_code,
                response_body='{"error": "down"}',
                timestamp=now + timedelta(seconds=run * 10 + attempt),
            )
            for run, attempt, status_code in ((1, 1, 500), (1, 2, 502), (2, 1, 503))
        ]
    )
    answer = api.get(f"{DELIVERIES}/{delivery.id}")
    assert answer.status_code == 200
    shown = answer.json()
    assert [(row["run"], row["attempt"], row["status_code"]) for row in shown["attempt_history"]] == [
        (1, 1, 500),
        (1, 2, 502),
        (2, 1, 503),
    ]
    assert shown["attempt_history"][0]["response_body"] == {"error": "down"}
    assert (shown["request_payload"], shown["is_on_the_wire"], shown["run"]) == ({"name": "Ada"}, False, 2)


def test_shows_null_for_a_payload_that_is_gone_and_the_lease(api: APIClient, webhook: Webhook) -> None:
    delivery = waiting(webhook, lease_by=uuid7(), payload=None)
    shown = api.get(f"{DELIVERIES}/{delivery.id}").json()
    assert (shown["request_payload"], shown["is_on_the_wire"]) == (None, True)


def test_sends_again(api: APIClient, webhook: Webhook) -> None:
    delivery = failed(webhook)
    answer = api.post(f"{DELIVERIES}/{delivery.id}/retry")
    assert (answer.status_code, answer.json()["state"], answer.json()["run"]) == (202, "pending", 2)
    assert due(delivery) is not None


def test_answers_409_where_it_cannot_be_sent(api: APIClient, webhook: Webhook, admin_actor: Actor) -> None:
    delivery = failed(webhook)
    update(webhook, admin_actor, is_active=False)
    answer = api.post(f"{DELIVERIES}/{delivery.id}/retry")
    assert answer.status_code == 409
    assert answer.json()["detail"] == "Its webhook is disabled: enable it first."
    assert stored(delivery).run == 1


def test_cancels(api: APIClient, webhook: Webhook) -> None:
    delivery = waiting(webhook)
    answer = api.post(f"{DELIVERIES}/{delivery.id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert api.post(f"{DELIVERIES}/{failed(webhook).id}/cancel").status_code == 409


@pytest.mark.parametrize("path", ["", "/retry", "/cancel"])
@pytest.mark.parametrize("reference", ["nonsense", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"])
def test_answers_404_for_what_is_no_delivery(api: APIClient, tenant: Tenant, path: str, reference: str) -> None:
    method = api.post if path else api.get
    assert method(f"{DELIVERIES}/{reference}{path}").status_code == 404


def test_answers_404_below_another_tenant(api: APIClient, webhook: Webhook, other_tenant: Tenant) -> None:
    delivery = failed(webhook)
    base = f"/api/platform/tenants/{other_tenant.slug}/deliveries/{delivery.id}"
    assert [api.get(base).status_code, api.post(f"{base}/retry").status_code] == [404, 404]
    assert stored(delivery).run == 1
