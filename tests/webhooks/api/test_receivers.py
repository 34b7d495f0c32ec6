"""`…/receivers` and one of them."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant
from tests.integrations.providers.senders import SENDERS
from webhooks.models import Receiver
from webhooks.services.receivers import create_receiver

pytestmark = pytest.mark.django_db

RECEIVERS = "/api/platform/tenants/acme/receivers"
SLACK = SENDERS["slack"].secret


def deeds() -> list[tuple[str, list[str]]]:
    entries = ActivityLog.objects.filter(object_kind="receiver").order_by("id")
    return list(entries.values_list("verb", "changed_fields"))


def make(tenant: Tenant, actor: Actor, **fields: Any) -> Receiver:
    return create_receiver(actor=actor, tenant=tenant, **{"provider": "github", "name": "ours", **fields})


def test_creates_one_and_shows_its_secret_this_one_time(api: APIClient, tenant: Tenant) -> None:
    answer = api.post(RECEIVERS, {"provider": "github", "name": "ours", "event_types": ["github.push"]})
    assert answer.status_code == 201, answer.content
    assert answer.headers["Cache-Control"] == "no-store"
    made = answer.json()
    stored = Receiver.objects.get()
    assert made["secret"] == stored.secret.reveal()
    assert made["url"].endswith(f"/api/webhooks/in/{stored.id}")
    assert made["setup"].startswith("On GitHub")
    shown = api.get(f"{RECEIVERS}/{stored.id}").json()
    assert not {"secret", "verify_token", "setup"} & shown.keys()
    assert shown["counts"] == dict.fromkeys(shown["counts"], 0)
    assert deeds() == [("receiver.created", ["event_types", "name", "options", "provider", "secret"])]


def test_takes_the_providers_secret_and_makes_the_verify_token(api: APIClient, tenant: Tenant) -> None:
    answer = api.post(RECEIVERS, {"provider": "whatsapp", "name": "inbox", "secret": SENDERS["whatsapp"].secret})
    assert answer.status_code == 201
    assert len(answer.json()["verify_token"]) == 32


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "x"}, "provider"),
        ({"provider": "fax", "name": "x"}, "provider"),
        ({"provider": "github"}, "name"),
        ({"provider": "github", "name": "Not A Name"}, "name"),
        ({"provider": "slack", "name": "x"}, "secret"),
        ({"provider": "slack", "name": "x", "secret": "too short"}, "secret"),
        ({"provider": "github", "name": "x", "event_types": ["No Type"]}, "event_types"),
        ({"provider": "github", "name": "x", "allowed_networks": ["10.0.0.1/8"]}, "allowed_networks"),
        ({"provider": "github", "name": "x", "allowed_networks": ["somewhere"]}, "allowed_networks"),
        ({"provider": "github", "name": "x", "rate_limit_per_minute": 0}, "rate_limit_per_minute"),
        ({"provider": "github", "name": "x", "options": {"scheme": "hmac"}}, "options.scheme"),
        ({"provider": "custom", "name": "x", "options": {"scheme": "hmac"}}, "options.header"),
        ({"provider": "github", "name": "x", "color": "red"}, "color"),
    ],
)
def test_refuses_what_cannot_work_and_says_why(
    api: APIClient, tenant: Tenant, body: dict[str, Any], field: str
) -> None:
    answer = api.post(RECEIVERS, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert Receiver.objects.count() == 0
    assert deeds() == []


def test_refuses_a_name_that_is_taken(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    make(tenant, admin_actor)
    assert api.post(RECEIVERS, {"provider": "github", "name": "ours"}).status_code == 409
    assert Receiver.objects.count() == 1


def test_changes_and_refuses_a_lost_update(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    receiver = make(tenant, admin_actor)
    address = f"{RECEIVERS}/{receiver.id}"
    etag = api.get(address).headers["ETag"]
    answer = api.patch(address, {"allowed_networks": ["192.0.2.0/24"], "is_active": False}, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    lost = api.patch(address, {"is_active": True}, headers={"If-Match": etag})
    assert lost.status_code == 412
    assert Receiver.objects.get().is_active is False
    assert deeds()[1:] == [("receiver.updated", ["allowed_networks", "is_active"])]


def test_writes_nothing_when_nothing_changes(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    receiver = make(tenant, admin_actor)
    assert api.patch(f"{RECEIVERS}/{receiver.id}", {"is_active": True}).json()["version"] == 1
    assert len(deeds()) == 1


def test_rotates(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    receiver = make(tenant, admin_actor)
    before = receiver.secret.reveal()
    answer = api.post(f"{RECEIVERS}/{receiver.id}/secret/rotate")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    stored = Receiver.objects.get()
    assert answer.json()["secret"] == stored.secret.reveal() != before
    assert stored.previous_secret.reveal() == before


def test_asks_for_the_providers_new_secret(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    receiver = make(tenant, admin_actor, provider="slack", secret=SLACK)
    answer = api.post(f"{RECEIVERS}/{receiver.id}/secret/rotate")
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["secret"])
    assert Receiver.objects.get().version == 1


def test_deletes(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    receiver = make(tenant, admin_actor)
    assert api.delete(f"{RECEIVERS}/{receiver.id}").status_code == 204
    assert Receiver.objects.count() == 0
    assert api.post(f"/api/webhooks/in/{receiver.id}").status_code == 404


def test_lists_with_the_same_number_of_queries(
    api: APIClient, tenant: Tenant, admin_actor: Actor, django_assert_max_num_queries: Any
) -> None:
    for at in range(12):
        make(tenant, admin_actor, name=f"r{at:02}")
    with django_assert_max_num_queries(20):
        answer = api.get(RECEIVERS)
    assert [row["name"] for row in answer.json()["results"]] == [f"r{at:02}" for at in range(12)]


@pytest.mark.parametrize("reference", ["nonsense", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"])
def test_answers_404_for_what_is_no_receiver(api: APIClient, tenant: Tenant, reference: str) -> None:
    address = f"{RECEIVERS}/{reference}"
    answers = [api.get(address), api.patch(address, {}), api.delete(address), api.post(f"{address}/secret/rotate")]
    assert [answer.status_code for answer in answers] == [404] * 4


def test_does_not_find_another_tenants(
    api: APIClient, tenant: Tenant, other_tenant: Tenant, admin_actor: Actor
) -> None:
    receiver = make(tenant, admin_actor)
    address = f"/api/platform/tenants/{other_tenant.slug}/receivers/{receiver.id}"
    answers = [api.get(address), api.delete(address), api.post(f"{address}/secret/rotate")]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert Receiver.objects.get().version == 1
