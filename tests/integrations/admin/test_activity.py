"""The activity log's page: its filters, its links, and what it does not do to a large table."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.activity.actor import Actor
from integrations.activity.models import ActivityLog, ActorKind
from integrations.activity.recording import record_activity
from integrations.models import Tenant, User
from integrations.services.integrations import create_integration
from webhooks.services.webhooks import create_webhook

LIST = "/admin/integrations/activitylog/"
OBJECT = UUID("019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e")


@pytest.fixture
def entries(tenant: Tenant, other_tenant: Tenant, platform_admin: User) -> None:
    ada = Actor.of(platform_admin)
    key = Actor(ActorKind.API_KEY, OBJECT, "sb_live_1")
    made = [
        ("2026-03-01", ada, "webhook.created", tenant.id, "orders"),
        ("2026-03-02", ada, "webhook.deleted", tenant.id, "orders"),
        ("2026-03-03", key, "webhook.created", other_tenant.id, "leads"),
        ("2026-03-04", Actor.system("log-in"), "login.locked_user", None, "ada"),
    ]
    for day, actor, verb, tenant_id, name in made:
        with time_machine.travel(datetime.fromisoformat(f"{day}T12:00:00+00:00"), tick=False):
            record_activity(
                actor=actor, verb=verb, tenant_id=tenant_id, object_kind="webhook", object_id=OBJECT, object_name=name
            )


def shown(client: Client, query: str) -> list[tuple[str, str]]:
    """Return what a filter leaves of the fixture's entries, oldest first."""
    listed = client.get(f"{LIST}?{query}").context["cl"].result_list
    return sorted((f"{entry.created_at:%d}", entry.verb) for entry in listed if entry.verb != "tenant.created")


EVERYTHING = [
    ("01", "webhook.created"),
    ("02", "webhook.deleted"),
    ("03", "webhook.created"),
    ("04", "login.locked_user"),
]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", EVERYTHING),
        ("tenant=acme", EVERYTHING[:2]),
        ("tenant=%20acme%20", EVERYTHING[:2]),
        ("tenant=nobody", []),
        ("tenant=%00", EVERYTHING),
        ("about=webhook", EVERYTHING[:3]),
        ("about=login", EVERYTHING[3:]),
        ("actor=ada", EVERYTHING[:2]),
        (f"actor={OBJECT}", EVERYTHING[2:3]),
        ("actor_kind__exact=api_key", EVERYTHING[2:3]),
        (f"object={OBJECT}", EVERYTHING),
        ("object=orders", []),
        ("from=2026-03-02&to=2026-03-03", EVERYTHING[1:3]),
        ("from=2026-03-04", EVERYTHING[3:]),
        ("to=2026-03-01", EVERYTHING[:1]),
        ("from=2026-02-31", EVERYTHING),
        ("from=0001-01-01&to=9999-12-31", EVERYTHING),
        ("tenant=acme&about=webhook&from=2026-03-02", EVERYTHING[1:2]),
        ("q=leads", EVERYTHING[2:3]),
    ],
)
def test_filters(entries: None, admin_client: Client, query: str, expected: list[tuple[str, str]]) -> None:
    assert shown(admin_client, query) == expected


def test_filter_by_tenant_takes_the_id_of_a_deleted_one(entries: None, admin_client: Client, tenant: Tenant) -> None:
    Tenant.objects.filter(pk=tenant.pk).update(deleted_at=datetime.now(UTC))

    assert shown(admin_client, f"tenant={tenant.pk}") == EVERYTHING[:2]


def test_a_typed_filter_keeps_the_others(entries: None, admin_client: Client) -> None:
    page = admin_client.get(f"{LIST}?about=webhook&actor=ada&q=orders").content.decode()

    form = page[page.index('name="tenant"') - 400 : page.index('name="tenant"')]
    for name, value in (("about", "webhook"), ("actor", "ada"), ("q", "orders")):
        assert f'<input type="hidden" name="{name}" value="{value}">' in form
    assert 'href="?about=webhook&amp;q=orders"' in page or 'href="?q=orders&amp;about=webhook"' in page


def test_lists_without_counting_or_sorting_the_whole_table(entries: None, admin_client: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        admin_client.get(LIST)

    statements = [query["sql"] for query in captured if "integrations_activitylog" in query["sql"]]
    counts = [sql for sql in statements if "COUNT(" in sql]
    assert len(counts) == 1
    assert "LIMIT 10000" in counts[0]
    assert not [sql for sql in statements if "DISTINCT" in sql]


def test_links_object_and_actor(tenant: Tenant, admin_actor: Actor, admin_client: Client) -> None:
    integration = create_integration(
        actor=admin_actor, tenant=tenant, provider="n8n", values={"base_url": "http://127.0.0.1:9/w"}
    )
    record_activity(actor=Actor.system("x"), verb="thing.done", tenant_id=None, object_kind="thing", object_id=OBJECT)

    page = admin_client.get(LIST).content.decode()

    assert reverse("admin:integrations_integration_change", args=[integration.pk]) in page
    assert reverse("admin:integrations_tenant_change", args=[tenant.pk]) in page
    assert reverse("admin:integrations_user_change", args=[admin_actor.id]) in page
    assert str(OBJECT) not in page


def test_history_of_an_object_is_its_activity(tenant: Tenant, admin_actor: Actor, admin_client: Client) -> None:
    webhook = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="orders", url="http://127.0.0.1:9/in")
    page = admin_client.get(reverse("admin:webhooks_webhook_change", args=[webhook.pk])).content.decode()
    history = reverse("admin:webhooks_webhook_history", args=[webhook.pk])
    assert history in page

    answer = admin_client.get(history)

    assert answer.headers["Location"] == f"{LIST}?object={webhook.pk}"
    listed = admin_client.get(answer.headers["Location"]).context["cl"].result_list
    assert [entry.verb for entry in listed] == ["webhook.created"]


def test_entry_cannot_be_changed(entries: None, admin_client: Client) -> None:
    entry = ActivityLog.objects.first()
    assert entry is not None
    for page in ("change", "delete"):
        address = reverse(f"admin:integrations_activitylog_{page}", args=[entry.pk])
        assert admin_client.post(address, {"verb": "x", "post": "yes"}).status_code == 403
    assert ActivityLog.objects.get(pk=entry.pk).verb == entry.verb
