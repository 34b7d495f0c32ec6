"""`GET /api/platform/activity` and `GET …/tenants/{tenant}/activity`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import pytest
import time_machine
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.activity.models import ActivityLog, ActorKind
from integrations.activity.recording import record_activity
from integrations.models import Tenant, User

ALL = "/api/platform/activity"
ONE = "/api/platform/tenants/acme/activity"
OBJECT = UUID("019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e")


@pytest.fixture
def entries(tenant: Tenant, other_tenant: Tenant, platform_admin: User) -> None:
    ada = Actor(ActorKind.USER, platform_admin.pk, "ada", address="192.0.2.7", request_id="r1")
    made = [
        ("2026-03-01", ada, "webhook.created", tenant.id, "webhook", OBJECT),
        ("2026-03-02", ada, "webhook.deleted", tenant.id, "webhook", None),
        ("2026-03-03", Actor.system("sweep"), "webhook_note.kept", other_tenant.id, "note", OBJECT),
        ("2026-03-04", Actor.system("log-in"), "login.locked_user", None, "user", None),
    ]
    for day, actor, verb, tenant_id, kind, object_id in made:
        with time_machine.travel(datetime.fromisoformat(f"{day}T12:00:00+00:00"), tick=False):
            record_activity(
                actor=actor,
                verb=verb,
                tenant_id=tenant_id,
                object_kind=kind,
                object_id=object_id,
                object_name="orders",
                changed_fields=["url"],
            )


def verbs(api: APIClient, address: str, query: str = "") -> list[str]:
    answer = api.get(f"{address}?{query}")
    assert answer.status_code == 200, answer.content
    return [entry["verb"] for entry in answer.json()["results"] if entry["verb"] != "tenant.created"][::-1]


CREATED, DELETED, KEPT, LOCKED = "webhook.created", "webhook.deleted", "webhook_note.kept", "login.locked_user"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [CREATED, DELETED, KEPT, LOCKED]),
        ("tenant=acme", [CREATED, DELETED]),
        ("verb=webhook.created", [CREATED]),
        ("verb=webhook.*", [CREATED, DELETED]),
        ("verb=nothing.*", []),
        ("verb=web*", []),
        ("actor=ada", [CREATED, DELETED]),
        ("object_kind=note", [KEPT]),
        (f"object_id={OBJECT}", [CREATED, KEPT]),
        ("from=2026-03-02T12:00:00Z&to=2026-03-04T12:00:00Z", [DELETED, KEPT]),
    ],
)
def test_filters_over_all_tenants(entries: None, api: APIClient, query: str, expected: list[str]) -> None:
    assert verbs(api, ALL, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [CREATED, DELETED]),
        ("verb=webhook.*", [CREATED, DELETED]),
        (f"object_id={OBJECT}", [CREATED]),
        ("object_kind=note", []),
        ("to=2026-03-02T00:00:00Z", [CREATED]),
    ],
)
def test_filters_within_a_tenant(entries: None, api: APIClient, query: str, expected: list[str]) -> None:
    assert verbs(api, ONE, query) == expected


def test_answers_what_is_stored(entries: None, api: APIClient, tenant: Tenant, platform_admin: User) -> None:
    entry = ActivityLog.objects.get(verb=CREATED)

    assert api.get(f"{ONE}?verb={CREATED}").json()["results"] == [
        {
            "id": str(entry.pk),
            "tenant": str(tenant.pk),
            "verb": CREATED,
            "actor": {"kind": "user", "id": str(platform_admin.pk), "name": "ada", "address": "192.0.2.7"},
            "object": {"kind": "webhook", "id": str(OBJECT), "name": "orders"},
            "changed_fields": ["url"],
            "detail": "",
            "request_id": "r1",
            "created_at": "2026-03-01T12:00:00Z",
        }
    ]


@pytest.mark.parametrize(
    ("address", "query", "field"),
    [
        (ALL, "tenant=nobody", "tenant"),
        (ONE, "tenant=acme", "tenant"),
        (ALL, "object_id=1", "object_id"),
        (ALL, "from=yesterday", "from"),
        (ALL, "from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z", "to"),
        (ONE, "verb=a&verb=b", "verb"),
        (ONE, "actor=%00", "actor"),
        (ONE, "colour=red", "colour"),
    ],
)
def test_names_what_is_wrong(entries: None, api: APIClient, address: str, query: str, field: str) -> None:
    answer = api.get(f"{address}?{query}")

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == [field]


def test_goes_on_by_cursor(entries: None, api: APIClient) -> None:
    first = api.get(f"{ONE}?page_size=1&verb=webhook.*").json()
    second = api.get(first["next"]).json()

    assert [entry["verb"] for entry in (*first["results"], *second["results"])] == [DELETED, CREATED]
    assert second["next"] is None


def test_costs_the_same_for_many_entries(entries: None, api: APIClient, django_assert_max_num_queries: object) -> None:
    for _ in range(30):
        record_activity(actor=Actor.system("x"), verb="a.b", tenant_id=None, object_kind="a")
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        assert len(api.get(ALL).json()["results"]) > 30
