"""Recovering in the admin: begun by a form, watched, stopped."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import ActivityLog
from tests.webhooks.delivery_steps import failed, stored
from tests.webhooks.webhook_steps import update
from webhooks.models import Recovery, Webhook
from webhooks.services.recovering import advance_recoveries, start_recovery

pytestmark = pytest.mark.django_db


def form_of(webhook: Webhook) -> str:
    return reverse("admin:webhooks_webhook_recover", args=[webhook.pk])


def page(recovery: Recovery, name: str = "change") -> str:
    return reverse(f"admin:webhooks_recovery_{name}", args=[recovery.pk])


@pytest.fixture
def running(webhook: Webhook, admin_actor: Actor) -> Recovery:
    since = timezone.now() - timedelta(hours=1)
    return start_recovery(actor=admin_actor, tenant=webhook.tenant, webhook_id=webhook.id, since=since)


@pytest.mark.parametrize(("preset", "hours"), [("hour", 1), ("day", 24)])
def test_presets_end_now(admin_client: Client, webhook: Webhook, preset: str, hours: int) -> None:
    answer = admin_client.post(form_of(webhook), {"preset": preset})
    made = Recovery.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, page(made))
    assert abs(made.until - made.since - timedelta(hours=hours)) < timedelta(seconds=5)
    assert timezone.now() - made.until < timedelta(minutes=1)


@pytest.mark.parametrize(
    "since", ["2026-01-31 02:00", "2026-01-31T02:00:00Z", " 2026-01-31 02:00:00 UTC ", "2026-01-31 04:00+02:00"]
)
def test_times_are_taken_as_utc(admin_client: Client, webhook: Webhook, since: str) -> None:
    assert admin_client.post(form_of(webhook), {"since": since, "until": "2026-01-31 04:30"}).status_code == 302
    made = Recovery.objects.get()
    assert made.since == datetime(2026, 1, 31, 2, tzinfo=UTC)
    assert made.until == datetime(2026, 1, 31, 4, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("data", "field", "reason"),
    [
        ({}, "since", "Say from when on"),
        ({"since": "yesterday"}, "since", "Give a time in UTC"),
        ({"since": "2026-01-31 04:00", "until": "2026-01-31 02:00"}, "since", "earlier than `until`"),
        ({"since": "2999-01-01 00:00"}, "since", "in the past"),
        ({"since": "0001-01-01 00:00"}, "since", "Give a time in UTC"),
        ({"preset": "century"}, "preset", "valid choice"),
    ],
    ids=["nothing", "no time", "backwards", "future", "before all", "no span"],
)
def test_says_what_is_wrong_with_the_times(
    admin_client: Client, webhook: Webhook, data: dict[str, str], field: str, reason: str
) -> None:
    answer = admin_client.post(form_of(webhook), data)
    assert answer.status_code == 200
    assert reason in " ".join(answer.context["form"].errors[field])
    assert Recovery.objects.count() == 0


def test_says_why_a_disabled_webhook_is_not_recovered(
    admin_client: Client, webhook: Webhook, admin_actor: Actor
) -> None:
    update(webhook, admin_actor, is_active=False)
    answer = admin_client.post(form_of(webhook), {"preset": "hour"})
    assert "disabled: enable it first" in answer.content.decode()
    assert Recovery.objects.count() == 0


def test_leads_to_the_one_that_runs_instead_of_a_second(
    admin_client: Client, webhook: Webhook, running: Recovery
) -> None:
    html = admin_client.get(form_of(webhook)).content.decode()
    assert page(running) in html
    assert "Recover the last hour" not in html
    answer = admin_client.post(form_of(webhook), {"preset": "hour"})  # from a page that was opened before
    assert "A recovery of this webhook is running" in answer.content.decode()
    assert Recovery.objects.count() == 1


def test_is_watched_until_its_end(admin_client: Client, webhook: Webhook, running: Recovery) -> None:
    rows = [failed(webhook, age=timedelta(minutes=30)), failed(webhook, payload=None, age=timedelta(minutes=20))]
    html = admin_client.get(page(running)).content.decode()
    assert f'data-progress-url="{page(running, "progress")}"' in html
    assert "webhooks/recovery_progress.js" in html
    before = admin_client.get(page(running, "progress"))
    assert before["Cache-Control"].count("no-store") == 1
    assert before.json() == {"is_running": True, "percent": 0, "retried": "0", "skipped": "0", "waiting": "0"}

    assert advance_recoveries() == 1

    after = admin_client.get(page(running, "progress")).json()
    assert after == {"is_running": False, "percent": 100, "retried": "1", "skipped": "1", "waiting": "1"}
    assert stored(rows[0]).run == 2
    html = admin_client.get(page(running)).content.decode()
    assert "data-progress-url" not in html
    assert "their payload is gone" in html
    assert 'value="100"' in admin_client.get(form_of(webhook)).content.decode()


def test_is_stopped_by_a_button(admin_client: Client, running: Recovery) -> None:
    assert page(running, "stop") in admin_client.get(page(running)).content.decode()
    assert admin_client.get(page(running, "stop")).status_code == 405
    answer = admin_client.post(page(running, "stop"), follow=True)
    assert "The recovery is stopped." in answer.content.decode()
    assert Recovery.objects.get().state == "stopped"
    again = admin_client.post(page(running, "stop"), follow=True)
    assert "The recovery is stopped." in again.content.decode()
    assert ActivityLog.objects.filter(verb="webhook.recovery_stopped").count() == 1


def test_says_so_when_it_had_ended(admin_client: Client, running: Recovery) -> None:
    advance_recoveries()
    answer = admin_client.post(page(running, "stop"), follow=True)
    assert "It had ended already." in answer.content.decode()
    assert Recovery.objects.get().state == "done"


def test_auditors_watch_and_change_nothing(auditor_client: Client, webhook: Webhook, running: Recovery) -> None:
    html = auditor_client.get(page(running)).content.decode()
    assert page(running, "stop") not in html
    assert auditor_client.get(page(running, "progress")).json()["is_running"] is True
    assert auditor_client.get(form_of(webhook)).status_code == 403
    for address in (page(running), page(running, "stop"), page(running, "progress"), form_of(webhook)):
        assert auditor_client.post(address, {"preset": "hour"}).status_code == 403
    assert Recovery.objects.get().state == "running"


@pytest.mark.parametrize("name", ["change", "progress"])
def test_answers_404_for_none(admin_client: Client, db: None, name: str) -> None:
    assert admin_client.get(reverse(f"admin:webhooks_recovery_{name}", args=[uuid7()])).status_code == 404
