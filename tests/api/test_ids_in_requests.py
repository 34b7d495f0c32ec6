"""Bodies and queries that name another tenant's object, and lists: nothing of it is used, shown or changed.

The document says where a request may name an object; what it says and is not tried here fails the first tests.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection

from integrations.isolation.tables import tenant_column, tenant_models
from integrations.models import Integration, Tenant
from integrations.scopes import ALL
from tests.api.conftest import Ask
from tests.api.contents import contents
from tests.api.credentials import Doors
from tests.api.documented_ids import ids_in_bodies, ids_in_queries
from tests.api.objects import OBJECTS, make_objects, make_webhook
from tests.api.operations import Operation, tenant_operations

BODIES = [
    ("integrations_test_values", "integration", "POST", "/api/v1/integrations/test", {"provider": "n8n"}),
    (
        *("messages_send", "integration", "POST", "/api/v1/messages"),
        {"channel": "sms", "to": "+4915112345678", "text": "Hello"},
    ),
    ("oauth_start", "integration", "POST", "/api/v1/oauth/github/start", {}),
    ("webhooks_create", "integration", "POST", "/api/v1/webhooks", {"workflow_name": "new_hook"}),
    ("webhooks_replace", "integration", "PUT", "/api/v1/webhooks/my_hook", {}),
    ("webhooks_change", "integration", "PATCH", "/api/v1/webhooks/my_hook", {}),
]
QUERIES = [
    ("activity_list", "object_id", "/api/v1/activity", "webhook"),
    ("deliveries_list", "webhook", "/api/v1/deliveries", "webhook"),
    ("integration_items_list", "owner", "/api/v1/integrations", "member"),
    ("analytics_calls_export", "webhook", "/api/v1/webhooks/analytics/calls/export", "webhook"),
    ("analytics_calls_list", "webhook", "/api/v1/webhooks/analytics/calls", "webhook"),
    ("analytics_errors", "webhook", "/api/v1/webhooks/analytics/errors", "webhook"),
    ("analytics_peaks", "webhook", "/api/v1/webhooks/analytics/peaks", "webhook"),
    ("analytics_summary", "webhook", "/api/v1/webhooks/analytics/summary", "webhook"),
    ("analytics_timeseries", "webhook", "/api/v1/webhooks/analytics/timeseries", "webhook"),
    ("messages_list", "integration", "/api/v1/messages", "integration"),
    ("webhooks_list", "integration", "/api/v1/webhooks", "integration"),
]
LISTS = [each for each in tenant_operations() if each.method == "GET" and not each.parameters and each.needed]

pytestmark = pytest.mark.django_db


def test_tries_every_id_that_a_body_may_hold() -> None:
    assert {(operation, field) for operation, field, *_ in BODIES} == ids_in_bodies()


def test_tries_everything_in_a_query_that_names_an_object() -> None:
    assert {(operation, name) for operation, name, *_ in QUERIES} == ids_in_queries()


@pytest.mark.parametrize(("operation", "field", "method", "path", "body"), BODIES, ids=lambda each: str(each)[:20])
def test_refuses_a_body_that_names_another_tenants_object(
    operation: str, field: str, method: str, path: str, body: dict[str, Any], doors: Doors, api_of: Any
) -> None:
    theirs = make_objects([field], doors.other, doors.actor)[field]
    make_webhook(doors.tenant, doors.actor, "my_hook")
    client = api_of(doors.key([ALL]))
    before = contents()

    answer = client.generic(method, path, json.dumps({**body, field: theirs}), content_type="application/json")

    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert contents() == before
    assert Integration.objects.filter(id=theirs).exists()  # it is the other tenant's all the same


@pytest.mark.parametrize(("operation", "name", "path", "kind"), QUERIES, ids=lambda each: str(each)[:20])
def test_finds_nothing_by_another_tenants_object(
    operation: str, name: str, path: str, kind: str, doors: Doors, api_of: Any
) -> None:
    theirs = make_objects([kind], doors.other, doors.actor)[kind]

    answer = api_of(doors.key([ALL])).get(path, {name: theirs})

    if answer.status_code == 200:
        shown = answer.json()
        assert (shown.get("results", []), shown.get("total_calls", 0)) == ([], 0)
    else:
        assert answer.status_code in {404, 422}


@pytest.mark.usefixtures("filters")
@pytest.mark.parametrize("operation", LISTS, ids=str)
def test_lists_nothing_of_another_tenant(operation: Operation, doors: Doors, ask: Ask) -> None:
    make_objects(OBJECTS, doors.other, doors.actor)
    theirs = _ids_of(doors.other)
    headers = doors.key([ALL])

    answer = ask(operation, operation.path({}), headers)

    assert len(theirs) > 10
    assert [identifier for identifier in theirs if identifier in answer.content.decode()] == []


def test_keeps_the_idempotency_keys_of_tenants_apart(doors: Doors, api_of: Any) -> None:
    body = {"type": "order.paid", "payload": {"order": 7}}
    answers = [
        api_of(doors.key([ALL], tenant)).post(path, body, headers={"Idempotency-Key": "the-same"})
        for path in ("/api/v1/events",)
        for tenant in (doors.tenant, doors.other)
    ]

    assert [answer.status_code for answer in answers] == [202, 202]
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, None]
    assert len({answer.json()["id"] for answer in answers}) == 2


def _ids_of(tenant: Tenant) -> list[str]:
    """Return the ids of all rows of a tenant."""
    found: list[str] = []
    with connection.cursor() as cursor:
        for model in tenant_models():
            if any(field.column == "id" for field in model._meta.local_concrete_fields):
                table, column = model._meta.db_table, tenant_column(model)
                cursor.execute(f"SELECT id::text FROM {table} WHERE {column} = %s", [tenant.id])
                found += [row[0] for row in cursor.fetchall()]
    return found
