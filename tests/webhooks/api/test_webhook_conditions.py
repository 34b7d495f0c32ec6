"""`If-Match` on a webhook: nobody overwrites a change that they have not seen."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import Tenant
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

LEADS = "/api/platform/tenants/acme/webhooks/leads"
URL = "https://hooks.example.com/in"


@pytest.fixture(autouse=True)
def webhook(tenant: Tenant, admin_actor: Actor) -> Webhook:
    return create_webhook(actor=admin_actor, tenant=tenant, workflow_name="leads", url=URL)


def change(api: APIClient, method: str, **headers: str) -> Any:
    body = None if method == "delete" else {"url": URL, "description": "Changed"}
    return getattr(api, method)(LEADS, body, headers=headers)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_changes_the_version_that_was_seen(api: APIClient, method: str) -> None:
    etag = api.get(LEADS)["ETag"]

    assert etag.startswith('"1-')
    assert change(api, method, **{"If-Match": etag}).status_code == (204 if method == "delete" else 200)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_answers_412_and_changes_nothing_when_somebody_was_faster(api: APIClient, method: str) -> None:
    etag = api.get(LEADS)["ETag"]
    api.patch(LEADS, {"description": "Theirs"})

    answer = change(api, method, **{"If-Match": etag})
    assert answer.status_code == 412
    assert answer.json()["detail"] == "Somebody changed the webhook in the meantime: load it again."
    stored = Webhook.objects.get()
    assert (stored.description, stored.version) == ("Theirs", 2)


@pytest.mark.parametrize("given", ['"1"', 'W/"1-abc"', "*", ' "1-x" '])
def test_takes_an_etag_in_every_form(api: APIClient, given: str) -> None:
    assert change(api, "patch", **{"If-Match": given}).status_code == 200


@pytest.mark.parametrize("given", ["1", '"abc"', '"1", "2"', '""', '"-1"', '"99999999999"'])
def test_refuses_what_is_no_etag_of_a_version(api: APIClient, given: str) -> None:
    answer = change(api, "patch", **{"If-Match": given})

    assert answer.status_code == 422
    assert answer.json()["errors"] == {
        "If-Match": ['Give the one ETag that an answer about this object had, such as "7-f3a9", or *.']
    }
    assert Webhook.objects.get().version == 1


def test_answers_of_changes_name_the_next_version(api: APIClient) -> None:
    first = change(api, "patch")
    second = api.patch(LEADS, {"description": "Again"}, headers={"If-Match": first["ETag"]})

    assert (first["ETag"], second["ETag"]) == ('"2"', '"3"')


def test_what_is_no_edit_changes_the_etag_and_not_the_version(api: APIClient, webhook: Webhook) -> None:
    before = api.get(LEADS)["ETag"]
    Webhook.objects.filter(id=webhook.id).update(created_by_name="Somebody who was renamed")
    after = api.get(LEADS)["ETag"]

    assert before != after
    assert change(api, "patch", **{"If-Match": before}).status_code == 200


def test_refuses_a_condition_where_versions_are_not_counted(api: APIClient, tenant: Tenant) -> None:
    answer = api.patch("/api/platform/tenants/acme", {"name": "Changed"}, headers={"If-Match": '"1"'})

    assert answer.status_code == 422
    assert answer.json()["errors"] == {"If-Match": ["This object counts no versions: leave the header out."]}
    tenant.refresh_from_db()
    assert tenant.name == "Acme"


@pytest.mark.django_db(transaction=True)
def test_one_of_ten_wins_when_all_change_the_same_version(api: APIClient) -> None:
    etag, barrier = api.get(LEADS)["ETag"], Barrier(10)

    def race(number: int) -> int:
        try:
            barrier.wait(10)
            answer = api.patch(LEADS, {"description": f"By {number}"}, headers={"If-Match": etag})
            return int(answer.status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(race, range(10)))
    assert statuses == [200] + [412] * 9
    assert Webhook.objects.get().version == 2
