"""How a webhook stands, on its page: bounded numbers, links, nothing that an auditor may not see."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from tests.webhooks.delivery_steps import failed, make_delivery, waiting
from tests.webhooks.webhook_steps import update
from webhooks.admin import glance
from webhooks.admin.glance import Count, backlog_of, glance_at
from webhooks.models import Due, Webhook, WebhookRuntime

pytestmark = pytest.mark.django_db


def page(webhook: Webhook) -> str:
    return reverse("admin:webhooks_webhook_change", args=[webhook.pk])


def runtime(webhook: Webhook, **fields: object) -> Webhook:
    WebhookRuntime.objects.create(webhook=webhook, tenant=webhook.tenant, **fields)
    return Webhook.objects.select_related("runtime").get(id=webhook.id)


def test_says_so_when_nothing_was_ever_sent(admin_client: Client, webhook: Webhook) -> None:
    seen = glance_at(webhook)
    assert (seen.places_in_use, seen.places, seen.bucket, seen.latest.rate, seen.has_failures) == (
        0,
        16,
        None,
        None,
        False,
    )
    html = admin_client.get(page(webhook)).content.decode()
    assert "None yet" in html
    assert "No rate limit" in html


def test_counts_what_waits_by_when_it_is_due(webhook: Webhook) -> None:
    waiting(webhook)  # in an hour
    due = [waiting(webhook) for _ in range(3)]
    waiting(webhook, lease_by=uuid7())
    long_ago = timezone.now() - timedelta(minutes=7)
    Due.objects.filter(delivery_id__in=[row.id for row in due]).update(due_at=long_ago + timedelta(minutes=2))
    Due.objects.filter(delivery_id=due[1].id).update(due_at=long_ago)
    backlog = backlog_of(webhook)
    assert (str(backlog.due), str(backlog.later), str(backlog.held), backlog.leased) == ("3", "1", "0", 1)
    assert backlog.oldest_due_at == long_ago


def test_counts_what_a_disabled_webhook_holds(webhook: Webhook, admin_actor: Actor) -> None:
    make_delivery(webhook, state="held")
    make_delivery(webhook, state="held", age=timedelta(days=6))
    make_delivery(webhook, state="succeeded")
    update(webhook, admin_actor, is_active=False)
    assert str(backlog_of(Webhook.objects.get()).held) == "2"


def test_counts_up_to_a_bound_and_says_so(webhook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glance, "COUNTED", 2)
    for _ in range(4):
        waiting(webhook)
    with CaptureQueriesContext(connection) as queries:
        later = backlog_of(webhook).later
    assert later.found == 3
    assert any("LIMIT 3" in query["sql"] for query in queries.captured_queries)
    assert [str(Count(number)) for number in (0, 9_999, 10_000, 10_001)] == ["0", "9,999", "10,000", "10,000+"]


def test_says_what_is_left_of_the_rate_limit(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, rate_limit_per_minute=300)
    full = glance_at(Webhook.objects.get()).bucket
    assert full is not None
    assert (full.per_minute, full.left, full.burst) == (300, 10, 10)
    ahead = timezone.now() + timedelta(hours=1)  # nothing flows in meanwhile
    empty = glance_at(runtime(Webhook.objects.get(), rate_tokens=-3, rate_refilled_at=ahead)).bucket
    assert empty is not None
    assert (empty.left, empty.burst) == (0, 10)


def test_half_open_breaker_leaves_one_place(webhook: Webhook) -> None:
    past = timezone.now() - timedelta(seconds=1)
    seen = glance_at(runtime(webhook, consecutive_failures=10, breaker_opened_count=1, breaker_open_until=past))
    assert (seen.places, "half open" in seen.breaker, seen.is_open) == (1, True, False)


def test_leads_to_the_deliveries_of_each_state(admin_client: Client, webhook: Webhook) -> None:
    for _ in range(3):
        make_delivery(webhook, state="succeeded")
    row = failed(webhook)
    html = admin_client.get(page(webhook)).content.decode()
    assert "75.0 % succeeded" in html
    (address,) = [address for _, _, address in glance_at(webhook).latest.states if "failed" in address]
    assert address.replace("&", "&amp;") in html
    listed = admin_client.get(address).content.decode()
    assert str(row.id) in listed
    assert listed.count('name="_selected_action"') == 1


def test_auditor_sees_it_without_a_button(auditor_client: Client, webhook: Webhook) -> None:
    runtime(webhook, consecutive_failures=3)
    html = auditor_client.get(page(webhook)).content.decode()
    assert "3 failures in a row" in html
    assert "Reset circuit breaker" not in html
    assert reverse("admin:webhooks_webhook_playground", args=[webhook.pk]) not in html
