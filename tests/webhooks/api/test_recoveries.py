"""`…/webhooks/{webhook}/recover` and `…/recoveries`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.models import Tenant
from tests.webhooks.delivery_steps import due, failed
from webhooks.models import Recovery, Webhook
from webhooks.services.recovering import advance_recoveries

pytestmark = pytest.mark.django_db

BASE = "/api/platform/tenants/acme"
RECOVER = f"{BASE}/webhooks/contact_form/recover"


def hours_ago(hours: int) -> str:
    return (timezone.now() - timedelta(hours=hours)).isoformat()


def test_starts_is_watched_and_ends(api: APIClient, webhook: Webhook) -> None:
    delivery = failed(webhook)
    answer = api.post(RECOVER, {"since": hours_ago(2)})
    assert answer.status_code == 202
    started = answer.json()
    assert (started["state"], started["progress"], started["retried"]) == ("running", 0.0, 0)
    assert advance_recoveries() == 1
    assert due(delivery) is not None
    ended = api.get(f"{BASE}/recoveries/{started['id']}").json()
    assert (ended["state"], ended["progress"], ended["retried"], ended["skipped"]) == ("done", 1.0, 1, 0)
    assert [row["id"] for row in api.get(f"{BASE}/recoveries").json()["results"]] == [started["id"]]


def test_is_stopped(api: APIClient, webhook: Webhook) -> None:
    started = api.post(RECOVER, {"since": hours_ago(2)}).json()
    assert api.post(RECOVER, {"since": hours_ago(2)}).status_code == 409
    stopped = api.post(f"{BASE}/recoveries/{started['id']}/stop")
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    assert api.post(RECOVER, {"since": hours_ago(2)}).status_code == 202


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "since"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-01-31T12:00:00"}, "since"),
        ({"since": "2999-01-31T12:00:00Z"}, "since"),
        ({"since": "2026-01-31T12:00:00Z", "until": "2026-01-30T12:00:00Z"}, "since"),
        ({"since": "2026-01-31T12:00:00Z", "all": True}, "all"),
    ],
)
def test_refuses_times_that_make_no_sense(api: APIClient, webhook: Webhook, body: Any, field: str) -> None:
    answer = api.post(RECOVER, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])
    assert Recovery.objects.count() == 0


@pytest.mark.parametrize("reference", ["nonsense", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"])
def test_answers_404_for_what_is_no_recovery(api: APIClient, tenant: Tenant, reference: str) -> None:
    assert api.get(f"{BASE}/recoveries/{reference}").status_code == 404
    assert api.post(f"{BASE}/recoveries/{reference}/stop").status_code == 404


def test_does_not_show_another_tenants(api: APIClient, webhook: Webhook, other_tenant: Tenant) -> None:
    started = api.post(RECOVER, {"since": hours_ago(2)}).json()
    other = f"/api/platform/tenants/{other_tenant.slug}/recoveries"
    assert api.get(other).json()["results"] == []
    assert api.post(f"{other}/{started['id']}/stop").status_code == 404
    assert Recovery.objects.get().state == "running"
