"""Deliveries in the admin: the story of one, sending again, cancelling."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.ids import uuid7
from tests.analytics.calls import call, record
from tests.webhooks.delivery_steps import due, failed, make_delivery, stored, waiting
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db

LIST = "admin:webhooks_delivery_changelist"


def page(delivery: Delivery, name: str = "change") -> str:
    return reverse(f"admin:webhooks_delivery_{name}", args=[delivery.id])


def with_attempts(webhook: Webhook) -> Delivery:
    delivery = failed(webhook, payload='{"name": "Ada"}', event_type="contact.created", last_error="It answered 503.")
    now = timezone.now()
    record(
        [
            call(
                tenant_id=webhook.tenant_id,
                target_id=webhook.id,
                delivery_id=delivery.id,
                attempt=attempt,
                status_code=status,
                success=False,
                error_kind="status" if status else "timeout",
                error_message=message,
                response_body="<b>down</b>",
                response_time_ms=40 * attempt,
                dns_ms=1 if attempt == 1 else None,
                connect_ms=4 if attempt == 1 else None,
                tls_ms=9 if attempt == 1 else None,
                first_byte_ms=30 if status else None,
                timestamp=now + timedelta(seconds=attempt),
            )
            for attempt, status, message in ((1, 503, "It answered 503."), (2, None, "No answer within 30 s."))
        ]
    )
    return delivery


def test_tells_the_story_of_a_delivery(admin_client: Client, webhook: Webhook) -> None:
    delivery = with_attempts(webhook)
    text = admin_client.get(page(delivery)).content.decode()
    story = [text.index(part) for part in ("Attempt 1", "It answered 503.</p>", "Attempt 2", "No answer within 30 s.")]
    assert story == sorted(story)
    assert 'aria-label="DNS 1 ms, connect 4 ms, TLS 9 ms, waiting 16 ms, reading 10 ms"' in text
    assert 'aria-label="no answer 80 ms"' in text
    assert "&lt;b&gt;down&lt;/b&gt;" in text
    assert "&quot;name&quot;: &quot;Ada&quot;" in text
    assert "Send again" in text
    assert "<style" not in text


def test_says_when_the_next_attempt_is(admin_client: Client, webhook: Webhook) -> None:
    delivery = waiting(webhook)
    text = admin_client.get(page(delivery)).content.decode()
    assert f"{delivery.next_attempt_at:%Y-%m-%d %H:%M:%S} UTC" in text
    assert "Send now" in text
    assert "Cancel" in text


def test_shows_a_delivery_whose_webhook_and_payload_are_gone(admin_client: Client, webhook: Webhook) -> None:
    delivery = failed(webhook, payload=None)
    Delivery.objects.filter(id=delivery.id).update(target_id=uuid7())
    text = admin_client.get(page(delivery)).content.decode()
    assert "a webhook that was deleted" in text
    assert "No longer stored." in text


def test_answers_404_for_no_delivery(admin_client: Client, db: None) -> None:
    assert admin_client.get(reverse("admin:webhooks_delivery_change", args=[uuid7()])).status_code == 404


def test_sends_again_and_cancels(admin_client: Client, webhook: Webhook) -> None:
    delivery = failed(webhook)
    answer = admin_client.post(page(delivery, "retry"), follow=True)
    assert "It is on its way." in answer.content.decode()
    assert stored(delivery).run == 2
    answer = admin_client.post(page(delivery, "cancel"), follow=True)
    assert "The delivery is cancelled." in answer.content.decode()
    assert (stored(delivery).state, due(delivery)) == ("cancelled", None)


def test_says_why_it_cannot_be_sent(admin_client: Client, webhook: Webhook) -> None:
    delivery = failed(webhook, payload=None)
    answer = admin_client.post(page(delivery, "retry"), follow=True)
    assert "Its payload is gone" in answer.content.decode()
    assert stored(delivery).run == 1


def test_sends_selected_ones_again_and_says_of_how_many_not(admin_client: Client, webhook: Webhook) -> None:
    rows = [failed(webhook), failed(webhook), failed(webhook, payload=None), make_delivery(webhook, state="held")]
    answer = admin_client.post(
        reverse(LIST), {"action": "retry", "_selected_action": [str(row.id) for row in rows]}, follow=True
    )
    text = answer.content.decode()
    assert "2 deliveries are under way again." in text
    assert "1 are not: Its payload is gone" in text
    assert "1 are not: It has not ended yet." in text
    assert [stored(row).run for row in rows] == [2, 2, 1, 1]


def test_only_shows_to_auditors(auditor_client: Client, webhook: Webhook) -> None:
    delivery = failed(webhook)
    text = auditor_client.get(page(delivery)).content.decode()
    assert "Send again" not in text
    assert auditor_client.post(page(delivery, "retry")).status_code == 403
    assert auditor_client.post(page(delivery, "cancel")).status_code == 403
    assert (stored(delivery).run, stored(delivery).state) == (1, "failed")


@pytest.mark.parametrize("name", ["retry", "cancel"])
def test_changes_nothing_on_a_get(admin_client: Client, webhook: Webhook, name: str) -> None:
    delivery = failed(webhook)
    assert admin_client.get(page(delivery, name)).status_code == 405
    assert stored(delivery).run == 1


def test_lists_the_last_day_when_a_state_is_chosen_and_any_time_when_asked(
    admin_client: Client, webhook: Webhook
) -> None:
    old, young = failed(webhook, age=timedelta(hours=30)), failed(webhook, age=timedelta(hours=1))
    shown = {
        query: [row.pk for row in admin_client.get(f"{reverse(LIST)}?{query}").context["cl"].result_list]
        for query in ("", "state__exact=failed", "state__exact=failed&when=7d", f"target_id={webhook.id}")
    }
    assert shown == {
        "": [young.id, old.id],
        "state__exact=failed": [young.id],
        "state__exact=failed&when=7d": [young.id, old.id],
        f"target_id={webhook.id}": [young.id, old.id],
    }
