from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from tests.analytics.calls import NOW, Directory, KnownWebhook, call, id_at, record, spread
from webhooks.models import Payload
from webhooks.services.webhooks import create_webhook


def address(tenant: Tenant | str, webhook: Any) -> str:
    return f"/api/platform/tenants/{getattr(tenant, 'slug', tenant)}/webhooks/{webhook}/analytics"


def test_call_is_shown_whole(api: APIClient, tenant: Tenant, webhook: KnownWebhook, directory: Directory) -> None:
    made = call(
        tenant_id=tenant.id,
        target_id=webhook.id,
        event_type="order.created",
        run=2,
        attempt=2,
        triggered_by="checkout",
        request_headers={"Content-Type": "application/json"},
        status_code=503,
        response_body='{"error": "busy"}',
        response_time_ms=84,
        success=False,
        error_kind="status",
        error_message="503 Service Unavailable",
        metadata={"source": "shop"},
    )
    first = replace(made, id=id_at(NOW), attempt=1, is_final=False)
    record([first, made, replace(made, id=id_at(NOW), run=1, is_final=False)])
    directory.bodies[made.event_id] = '{"order": 1042}'
    answer = api.get(address(tenant, webhook.id))
    assert answer.status_code == 200
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {
                "id": str(made.id),
                "webhook": str(webhook.id),
                "workflow_name": "order_created",
                "delivery": str(made.delivery_id),
                "run": 2,
                "attempt": 2,
                "attempts": 2,
                "is_final": True,
                "event_type": "order.created",
                "triggered_by": "checkout",
                "request_payload": {"order": 1042},
                "request_headers": {"Content-Type": "application/json"},
                "status_code": 503,
                "response_body": {"error": "busy"},
                "response_time_ms": 84,
                "success": False,
                "error_kind": "status",
                "error_message": "503 Service Unavailable",
                "metadata": {"source": "shop"},
                "timestamp": NOW.isoformat().replace("+00:00", "Z"),
            }
        ],
    }


def test_what_is_no_json_is_text_and_what_is_gone_is_null(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook
) -> None:
    record([call(tenant_id=tenant.id, target_id=webhook.id, response_body="<html>", status_code=None)])
    shown = api.get(address(tenant, webhook.name)).json()["results"][0]
    assert (shown["response_body"], shown["request_payload"], shown["status_code"]) == ("<html>", None, None)


@pytest.mark.parametrize("body", ["NaN", "1e999", '"\\ud800"', "[" * 16_000, "[" * 960 + "]" * 960, "9" * 5_000])
def test_nasty_answer_of_an_endpoint_does_not_break_the_list(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook, body: str
) -> None:
    record([call(tenant_id=tenant.id, target_id=webhook.id, response_body=body)])
    answer = api.get(address(tenant, webhook.id))
    assert answer.status_code == 200
    assert answer.json()["results"][0]["response_body"] == body


def test_pages_go_from_the_newest_to_the_oldest_and_back(api: APIClient, tenant: Tenant, webhook: KnownWebhook) -> None:
    made = spread(5, tenant_id=tenant.id, target_id=webhook.id)
    record([*made, call(tenant_id=tenant.id)])
    newest_first = [str(one.id) for one in reversed(made)]
    first = api.get(address(tenant, webhook.id), {"page_size": 2}).json()
    second = api.get(first["next"]).json()
    third = api.get(second["next"]).json()
    pages = [[row["id"] for row in page["results"]] for page in (first, second, third)]
    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]
    assert (first["previous"], third["next"]) == (None, None)
    assert [row["id"] for row in api.get(third["previous"]).json()["results"]] == newest_first[2:4]


def test_filters_choose_calls(api: APIClient, tenant: Tenant, webhook: KnownWebhook) -> None:
    mine: dict[str, Any] = {"tenant_id": tenant.id, "target_id": webhook.id}
    made = [
        call(**mine, timestamp=NOW - timedelta(minutes=3), triggered_by="test", event_type="order.paid"),
        call(**mine, timestamp=NOW - timedelta(minutes=2), status_code=201),
        call(
            **mine,
            success=False,
            status_code=500,
            triggered_by="checkout",
            error_kind="status",
            error_message="The endpoint answered 500.",
        ),
        call(**mine, success=False, status_code=500, is_final=False),
        call(tenant_id=tenant.id, status_code=201),
    ]
    record(made)
    ids = [str(one.id) for one in made]
    addresses = {
        address(tenant, webhook.id): {},
        f"/api/platform/tenants/{tenant.id}/webhooks/analytics/calls": {"webhook": webhook.name},
    }

    def chosen(**parameters: str) -> list[int]:
        found = [
            sorted(ids.index(row["id"]) for row in api.get(path, {**more, **parameters}).json()["results"])
            for path, more in addresses.items()
        ]
        assert found[0] == found[1]
        return found[0]

    assert chosen() == [0, 1, 2]
    assert chosen(attempts="last") == [0, 1, 2]
    assert chosen(attempts="all") == [0, 1, 2, 3]
    assert chosen(success="true") == [0, 1]
    assert chosen(success="false") == [2]
    assert chosen(status_code="201") == [1]
    assert chosen(status_class="2xx") == [0, 1]
    assert chosen(status_class="5xx") == [2]
    assert chosen(status_class="timeout") == []
    assert chosen(status_class="5xx", attempts="all") == [2, 3]
    assert chosen(event_type="order.paid") == [0]
    assert chosen(triggered_by="checkout") == [2]
    assert chosen(error="ENDPOINT") == [2]
    assert chosen(**{"from": (NOW - timedelta(minutes=2)).isoformat()}) == [1, 2]
    assert chosen(to=(NOW - timedelta(minutes=2)).isoformat()) == [0]
    assert chosen(success="true", status_code="201", page_size="1") == [1]


def test_calls_of_the_tenant_are_those_of_all_its_webhooks(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, directory: Directory
) -> None:
    made = [call(tenant_id=tenant.id, timestamp=NOW - timedelta(minutes=minute)) for minute in (3, 2, 1)]
    record([*made, call(tenant_id=other_tenant.id)])
    path = f"/api/platform/tenants/{tenant.id}/webhooks/analytics/calls"
    first = api.get(path, {"page_size": 2}).json()
    assert [row["id"] for row in first["results"]] == [str(made[2].id), str(made[1].id)]
    assert [row["id"] for row in api.get(first["next"]).json()["results"]] == [str(made[0].id)]
    by_id = api.get(path, {"webhook": str(made[0].target_id)}).json()["results"]
    assert [row["id"] for row in by_id] == [str(made[0].id)]
    refused = api.get(path, {"webhook": "unheard_of"})
    assert (refused.status_code, refused.json()["errors"]) == (422, {"webhook": ["There is no such webhook."]})


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("success=maybe", "success", "boolean"),
        ("status_code=abc", "status_code", "integer"),
        ("status_code=99", "status_code", "100"),
        ("from=yesterday", "from", "ISO 8601"),
        ("to=2026-03-10T12:00:00", "to", "zone"),
        ("from=2026-03-10T12:00:00Z&to=2026-03-10T12:00:00Z", "to", "later than `from`"),
        ("from=2026-03-10T12:00:00Z&to=2026-03-09T12:00:00Z", "to", "later than `from`"),
        ("from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z&error=x", "from", "7 days at most"),
        ("from=2020-01-01T00:00:00Z&event_type=x", "from", "7 days at most"),
        ("from=2999-01-01T00:00:00Z&triggered_by=x", "from", "past"),
        ("status_class=6xx", "status_class", "Must be one of 2xx, 3xx"),
        ("attempts=first", "attempts", "Must be one of last, all."),
        ("error=%00", "error", "Null"),
        ("error=" + "x" * 101, "error", "100"),
        ("triggered_by=%00", "triggered_by", "Null"),
        ("workflow=x", "workflow", "no such field"),
        ("success=true&success=false", "success", "once"),
        ("page_size=0", "page_size", "1 to 200"),
        ("cursor=abc", "cursor", "none that a list answered"),
    ],
)
def test_wrong_parameter_is_named(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook, query: str, field: str, reason: str
) -> None:
    answer = api.get(f"{address(tenant, webhook.id)}?{query}")
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert list(answer.json()["errors"]) == [field]
    assert reason in answer.json()["errors"][field][0]


@pytest.mark.parametrize(
    "reference", ["order_changed", "\x00", "ä", "0" * 200, "01a1f8c3-0000-7000-8000-000000000001"], ids=ascii
)
def test_unknown_webhook_is_not_found(api: APIClient, tenant: Tenant, directory: Directory, reference: str) -> None:
    answer = api.get(address(tenant, quote(reference)))
    assert (answer.status_code, answer.json()["detail"]) == (404, "There is no such webhook.")


def test_calls_of_a_deleted_webhook_stay_readable_by_its_id(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, directory: Directory
) -> None:
    made = call(tenant_id=tenant.id, workflow_name="deleted")
    record([made])
    answer = api.get(address(tenant, made.target_id))
    assert [row["workflow_name"] for row in answer.json()["results"]] == ["deleted"]
    assert api.get(address(tenant, "deleted")).status_code == 404
    assert api.get(address(other_tenant, made.target_id)).status_code == 404


def test_calls_of_another_tenants_webhook_are_not_shown(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, webhook: KnownWebhook
) -> None:
    record([call(tenant_id=other_tenant.id, target_id=webhook.id)])
    assert api.get(address(tenant, webhook.id)).json()["results"] == []


def test_list_takes_the_same_queries_for_3_and_for_30_rows(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook, directory: Directory
) -> None:
    counts = []
    for rows in (3, 27):
        record(spread(rows, tenant_id=tenant.id, target_id=webhook.id))
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(address(tenant, webhook.id))
        counts.append((len(answer.json()["results"]), len(queries)))
    assert [shown for shown, _ in counts] == [3, 30]
    assert counts[0][1] == counts[1][1]
    assert [len(asked) for asked in directory.asked] == [3, 30]


def test_unknown_tenant_is_not_found(api: APIClient, webhook: KnownWebhook) -> None:
    assert api.get(address("nobody", webhook.id)).status_code == 404


def test_only_platform_admins_are_let_in(
    anonymous_api: APIClient, tenant: Tenant, webhook: KnownWebhook, django_user_model: Any
) -> None:
    assert anonymous_api.get(address(tenant, webhook.id)).status_code == 401
    anonymous_api.force_authenticate(django_user_model.objects.create_user("eve"))
    assert anonymous_api.get(address(tenant, webhook.id)).status_code == 403


def test_real_directory_finds_webhooks_and_their_payloads(
    api: APIClient, admin_actor: Actor, tenant: Tenant, other_tenant: Tenant
) -> None:
    created = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="nightly", url="http://127.0.0.1:9/")
    mine, foreign = uuid7(), uuid7()
    Payload.objects.create(id=mine, tenant_id=tenant.id, body='{"order": 1}')
    Payload.objects.create(id=foreign, tenant_id=other_tenant.id, body='{"secret": 2}')
    record([call(tenant_id=tenant.id, target_id=created.id, event_id=event_id) for event_id in (mine, foreign)])
    for reference in (created.id, "nightly"):
        results = api.get(address(tenant, reference)).json()["results"]
        assert sorted(str(row["request_payload"]) for row in results) == ["None", "{'order': 1}"]
    for reference in ("\x00", "ä", "Nightly", "0" * 200):
        assert api.get(address(tenant, quote(reference))).status_code == 404
