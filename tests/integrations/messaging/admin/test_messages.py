"""Messages in the admin: the list, the story of one, settling, test messages."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.models import ActivityLog
from integrations.ids import uuid7, uuid7_floor
from integrations.messaging.models import Message
from integrations.models import Integration, Tenant, User
from integrations.services.integrations import create_integration
from tests.config.platform_scene import staff
from tests.integrations.messaging.stored_messages import NUMBER, TEXT, TWILIO, make_message

pytestmark = pytest.mark.django_db

LIST = "admin:messaging_message_changelist"


@pytest.fixture
def client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


@pytest.fixture
def auditor(db: None) -> Client:
    client = Client()
    client.force_login(staff("auditor"))
    return client


@pytest.fixture
def twilio(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)


def address(message: Message, page: str = "change") -> str:
    return reverse(f"admin:messaging_message_{page}", args=[message.pk])


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


# --- The list ---------------------------------------------------------------------------------------------------


def listed(client: Client, **query: str) -> int:
    return text_of(client.get(reverse(LIST), query)).count('<th class="field-accepted_at')


def test_list_shows_states_and_errors_but_not_what_they_say(client: Client, tenant: Tenant) -> None:
    make_message(tenant, state="failed", error_message="The 'To' number is not a valid phone number.")
    text = text_of(client.get(reverse(LIST)))
    assert '<span class="badge badge-bad">failed</span>' in text
    assert "is not a valid phone number." in text
    assert NUMBER in text
    assert TEXT not in text


def test_filters_by_channel_state_provider_tenant_and_time(
    client: Client, tenant: Tenant, other_tenant: Tenant
) -> None:
    make_message(tenant, state="unknown")
    make_message(other_tenant, channel="whatsapp", provider="whatsapp")
    make_message(tenant, id=uuid7_floor(timezone.now() - timedelta(days=3)))
    assert listed(client) == 3
    assert listed(client, state__exact="unknown") == 1
    assert listed(client, provider="whatsapp") == 1
    assert listed(client, channel__exact="sms") == 1  # filtered, the list looks back a day
    assert listed(client, channel__exact="sms", when="7d") == 2
    assert listed(client, tenant="other") == 1


@pytest.mark.parametrize("term", [NUMBER, "+49 151 1234-5678", "0049 (151) 12345678", "SM77", " SM77 "])
def test_finds_a_number_however_it_is_written_and_the_providers_id(client: Client, tenant: Tenant, term: str) -> None:
    make_message(tenant, to="+33612345678", provider_message_id="SM78")
    make_message(tenant, provider_message_id="SM77")
    text = text_of(client.get(reverse(LIST), {"q": term}))
    assert NUMBER in text
    assert "+33612345678" not in text


@pytest.mark.parametrize("term", ["4711", "SM7", "Ada", "+49151", "%"])
def test_finds_nothing_by_a_part(client: Client, tenant: Tenant, term: str) -> None:
    make_message(tenant, provider_message_id="SM77")
    assert listed(client, q=term) == 0


def test_finds_a_message_by_its_own_id(client: Client, tenant: Tenant) -> None:
    make_message(tenant)
    assert listed(client, q=str(make_message(tenant).pk)) == 1


# --- The story of one -------------------------------------------------------------------------------------------


def story(page: str) -> list[str]:
    return re.findall(r"<h2>(\w[^<]*)<time", page)


def test_tells_what_became_of_a_message(client: Client, tenant: Tenant, twilio: Integration) -> None:
    at = timezone.now()
    message = make_message(
        tenant,
        integration=twilio,
        source="tenant",
        state="read",
        attempts=1,
        provider_message_id="SM77",
        cost=Decimal("0.075000"),
        currency="USD",
        metadata={"order": 4711},
        sent_at=at + timedelta(seconds=1),
        delivered_at=at + timedelta(seconds=2),
        read_at=at + timedelta(seconds=3),
    )
    page = text_of(client.get(address(message)))
    assert story(page) == ["Accepted", "Sent", "Delivered", "Read"]
    assert "0.075 USD" in page
    assert "order: 4711" in page
    assert "SM77" in page
    assert f'href="{reverse("admin:integrations_integration_change", args=[twilio.pk])}"' in page
    assert f'href="{reverse("admin:analytics_webhookcall_changelist")}?delivery_id={message.pk}"' in page
    assert "Settle" not in page
    assert "http-equiv" not in page
    assert TEXT in page
    assert "<details open" not in page  # it is shown to who asks for it


def test_tells_an_error_in_the_providers_words(client: Client, tenant: Tenant) -> None:
    failed = {
        "state": "failed",
        "failed_at": timezone.now(),
        "error_code": "21211",
        "error_message": "<b>No</b> number",
    }
    page = text_of(client.get(address(make_message(tenant, **failed))))
    assert "Twilio says: &lt;b&gt;No&lt;/b&gt; number (code 21211)" in page
    assert story(page) == ["Accepted", "Failed"]


def test_puts_no_words_into_the_providers_mouth(client: Client, tenant: Tenant) -> None:
    failed = {"state": "failed", "failed_at": timezone.now(), "error_message": "The integration was deactivated."}
    page = text_of(client.get(address(make_message(tenant, **failed))))
    assert "<p>The integration was deactivated.</p>" in page
    assert "Twilio says" not in page


def test_tells_of_a_provider_that_was_removed_since(client: Client, tenant: Tenant) -> None:
    page = text_of(client.get(address(make_message(tenant, provider="pigeon"))))
    assert "the platform's pigeon" in page.replace("&#x27;", "'")


def test_watches_a_message_that_was_just_accepted(client: Client, tenant: Tenant) -> None:
    fresh = text_of(client.get(address(make_message(tenant))))
    old = text_of(client.get(address(make_message(tenant, accepted_at=timezone.now() - timedelta(minutes=2)))))
    assert ("Waiting to be sent" in fresh, "Waiting to be sent" in old) == (True, True)
    assert ('http-equiv="refresh"' in fresh, 'http-equiv="refresh"' in old) == (True, False)


def test_shows_templates_and_says_when_the_content_is_gone(client: Client, tenant: Tenant) -> None:
    template = {"name": "order_shipped", "language": "en_US", "components": []}
    assert "&quot;name&quot;: &quot;order_shipped&quot;" in text_of(
        client.get(address(make_message(tenant, template=template)))
    )
    assert "No longer stored." in text_of(client.get(address(make_message(tenant, content=None))))


def test_hides_from_auditors_what_it_says_and_how_to_settle(auditor: Client, tenant: Tenant) -> None:
    message = make_message(tenant, state="unknown", unknown_at=timezone.now())
    page = text_of(auditor.get(address(message)))
    assert TEXT not in page
    assert "Hidden from auditors" in page
    assert "Settle" not in page
    assert [
        auditor.get(address(message, "settle")).status_code,
        auditor.post(address(message, "settle")).status_code,
    ] == [
        *(403, 403),
    ]


def test_answers_404_for_no_message(client: Client) -> None:
    for page in ("change", "settle"):
        assert client.get(reverse(f"admin:messaging_message_{page}", args=[uuid7()])).status_code == 404


# --- Settling ---------------------------------------------------------------------------------------------------


def test_settles_once_it_was_looked_up(client: Client, tenant: Tenant) -> None:
    message = make_message(tenant, state="unknown", unknown_at=timezone.now())
    assert "Nobody can say whether Twilio took it" in text_of(client.get(address(message)))
    assert "I looked it up at Twilio" in text_of(client.get(address(message, "settle")))

    refused = text_of(client.post(address(message, "settle"), {"state": "failed"}))
    assert "This field is required." in refused
    settled = {"state": "failed", "note": "Not in the log.", "looked_up": "on"}
    page = text_of(client.post(address(message, "settle"), settled, follow=True))

    assert "The message is settled as failed." in page
    assert "Settled by ada: Not in the log." in page
    message.refresh_from_db()
    assert (message.state, message.settled_by) == ("failed", "ada")
    assert ActivityLog.objects.get(verb="message.settled").object_id == message.pk


def test_says_that_the_provider_put_an_end_to_the_doubt(client: Client, tenant: Tenant) -> None:
    at = timezone.now()
    page = text_of(client.get(address(make_message(tenant, state="delivered", unknown_at=at, delivered_at=at))))
    assert story(page) == ["Accepted", "Unknown", "Delivered"]
    assert "Twilio told what became of it." in page


def test_says_that_there_is_nothing_to_settle_any_more(client: Client, tenant: Tenant) -> None:
    message = make_message(tenant, state="delivered")
    body = {"state": "failed", "looked_up": "on"}
    page = text_of(client.post(address(message, "settle"), body, follow=True))
    assert "There is nothing to settle: the message is delivered." in page
    message.refresh_from_db()
    assert message.state == "delivered"


# --- Test messages ----------------------------------------------------------------------------------------------


def form_of(integration: Integration) -> str:
    return reverse("admin:messaging_message_test", args=[integration.pk])


def test_sends_a_test_message_through_this_integration(client: Client, twilio: Integration) -> None:
    change = text_of(client.get(reverse("admin:integrations_integration_change", args=[twilio.pk])))
    assert f'href="{form_of(twilio)}"' in change
    assert "Template" not in text_of(client.get(form_of(twilio)))

    answer = client.post(form_of(twilio), {"to": NUMBER, "text": TEXT})

    message = Message.objects.get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == address(message)
    assert (message.to, message.integration_id, message.triggered_by, message.state) == (
        *(NUMBER, twilio.pk),
        *("test", "accepted"),
    )
    assert ActivityLog.objects.get(verb="integration.test_message_sent").object_id == twilio.pk


def test_shows_a_refusal_at_its_field_and_sends_nothing(client: Client, twilio: Integration) -> None:
    page = text_of(client.post(form_of(twilio), {"to": "0151 12345678", "text": TEXT}))
    assert 'class="errorlist" id="id_to_error"' in page
    assert "This field is required." in text_of(client.post(form_of(twilio), {"to": NUMBER, "text": ""}))
    assert not Message.objects.exists()
    assert not ActivityLog.objects.filter(verb="integration.test_message_sent").exists()


def test_asks_for_a_text_or_a_template_where_there_are_templates(
    client: Client, tenant: Tenant, admin_actor: Actor
) -> None:
    values = {
        "phone_number_id": "109876543210987",
        "business_account_id": "123456789012345",
        "access_token": "EAA" * 20,
    }
    whatsapp = create_integration(actor=admin_actor, tenant=tenant, provider="whatsapp", values=values)
    named = {"to": NUMBER, "template": "order_shipped", "language": "en_US"}
    for body, reason in [
        ({"to": NUMBER}, "Give either a text or the name of a template."),
        ({**named, "text": TEXT}, "Give either a text or the name of a template."),
        ({**named, "language": ""}, "A template needs its language."),
        ({**named, "components": '{"type": "body"}'}, "Give a JSON list of objects."),
        ({**named, "components": "[{]"}, "This is no valid JSON"),
    ]:
        assert reason in text_of(client.post(form_of(whatsapp), body)), body
    assert not Message.objects.exists()

    assert client.post(form_of(whatsapp), {**named, "components": '[{"type": "body"}]'}).status_code == 302

    page = text_of(client.get(address(Message.objects.get())))
    assert "&quot;type&quot;: &quot;body&quot;" in page


def test_offers_no_test_message_where_none_can_be_sent(
    client: Client, auditor: Client, tenant: Tenant, admin_actor: Actor, twilio: Integration
) -> None:
    values = {"base_url": "https://n8n.example.com/webhook", "api_key": "n8n-key-0123456789abcdef"}
    n8n = create_integration(actor=admin_actor, tenant=tenant, provider="n8n", values=values)
    for who, integration in ((client, n8n), (auditor, twilio)):
        page = text_of(who.get(reverse("admin:integrations_integration_change", args=[integration.pk])))
        assert "Send a test message" not in page
    assert client.get(form_of(n8n)).status_code == 404
    assert auditor.get(form_of(twilio)).status_code == 403
