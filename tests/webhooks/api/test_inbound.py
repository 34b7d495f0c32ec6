"""`/api/webhooks/in/{receiver}`: from a request that nobody trusts to an event that is on its way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.integrations.providers.senders import SENDERS
from tests.webhooks.api.inbound_steps import counts, deliver, make, nothing_came_of_it
from tests.webhooks.delivery_steps import id_of
from tests.webhooks.sending_steps import make_webhook
from webhooks.models import Due, Event, InboundKey, InboundRequest, Payload, Receiver, ReceiverCount
from webhooks.services import receiving
from webhooks.services.inbound_publishing import publish_stored
from webhooks.services.inbound_retention import forget_received
from webhooks.services.receivers import rotate_receiver_secret

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_address")]

EVERY_SENDER = pytest.mark.parametrize("name", SENDERS)


@EVERY_SENDER
def test_publishes_what_a_genuine_sender_says(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    make_webhook(tenant, admin_actor, "flow", [sender.event_type])
    answer = deliver(receiver, sender)
    assert answer.status_code == 200, answer.content
    event = Event.objects.get()
    assert (event.event_type, event.triggered_by) == (sender.event_type, "receiver billing")
    assert Payload.objects.get().id == event.id
    assert Due.objects.get().event_id == event.id
    request = InboundRequest.objects.get()
    assert (request.state, request.body, request.event_ids) == ("published", None, [str(event.id)])
    assert event.metadata == {"receiver": "billing", "provider": receiver.provider, "request": str(request.id)}
    assert counts(receiver) == {"accepted": 1}


@EVERY_SENDER
def test_answers_a_repetition_like_the_first_and_sends_it_to_nobody(
    tenant: Tenant, admin_actor: Actor, name: str
) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    at = datetime.now(UTC)
    first, again = deliver(receiver, sender, at=at), deliver(receiver, sender, at=at)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert Event.objects.count() == 1
    assert counts(receiver) == {"accepted": 1, "duplicate": 1}


@EVERY_SENDER
def test_refuses_a_wrong_secret(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    answer = deliver(receiver, sender, secret=sender.other_secret)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert nothing_came_of_it()
    assert counts(receiver) == {"signature": 1}


@EVERY_SENDER
def test_takes_both_secrets_while_one_is_rotated(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    rotate_receiver_secret(actor=admin_actor, tenant=tenant, receiver_id=receiver.id, secret=sender.other_secret)
    assert deliver(receiver, sender).status_code == 200
    assert deliver(receiver, sender, secret=sender.other_secret).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(hours=25), tick=False):
        assert deliver(receiver, sender).status_code == 401
        assert deliver(receiver, sender, secret=sender.other_secret).status_code == 200


@EVERY_SENDER
def test_refuses_what_is_too_large_without_reading_it(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    answer = deliver(receiver, sender, body=b"x" * (256 * 1024 + 1))
    assert answer.status_code == 413
    assert nothing_came_of_it()
    assert counts(receiver) == {"too_large": 1}


@EVERY_SENDER
def test_says_that_a_signed_body_makes_no_sense(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    answer = deliver(receiver, sender, body=b"nonsense")
    assert answer.status_code == 400
    assert (Event.objects.count(), InboundKey.objects.count()) == (0, 0)
    assert InboundRequest.objects.get().state == "refused"
    assert counts(receiver) == {"malformed": 1}


@EVERY_SENDER
def test_keeps_nothing_that_proves_the_sender(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    deliver(receiver, sender)
    kept = InboundRequest.objects.get().headers
    assert not [header for header in kept if "signature" in header or header in {"authorization", "cookie", "x-token"}]


def test_refuses_an_old_timestamp(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "slack")
    answer = deliver(receiver, sender, at=datetime.now(UTC) - timedelta(minutes=6))
    assert (answer.status_code, nothing_came_of_it(), counts(receiver)) == (401, True, {"stale": 1})


def test_lets_in_only_from_the_allowed_networks(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github", allowed_networks=["192.0.2.0/24"])
    assert deliver(receiver, sender).status_code == 403
    assert nothing_came_of_it()
    Receiver.objects.update(allowed_networks=["192.0.2.0/24", "127.0.0.0/8"])
    assert deliver(receiver, sender).status_code == 200
    assert counts(receiver) == {"network": 1, "accepted": 1}


def test_lets_in_only_so_many_a_minute(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github", rate_limit_per_minute=2)
    statuses = [deliver(receiver, sender) for _ in range(3)]
    assert [answer.status_code for answer in statuses] == [200, 200, 429]
    assert 1 <= int(statuses[2].headers["Retry-After"]) <= 120
    assert counts(receiver) == {"accepted": 1, "duplicate": 1, "rate": 1}


def test_ignores_event_types_that_are_not_wanted(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github", event_types=["github.push"])
    assert deliver(receiver, sender).status_code == 200
    assert Event.objects.count() == 0
    assert counts(receiver) == {"ignored": 1}


def test_answers_metas_challenge(tenant: Tenant, admin_actor: Actor, client: Client) -> None:
    receiver, _ = make(tenant, admin_actor, "whatsapp")
    token = Receiver.objects.get().verify_token.reveal()
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    answer = client.get(f"/api/webhooks/in/{receiver.id}", query)
    assert (answer.status_code, answer.content) == (200, b"1158201444")
    answer = client.get(f"/api/webhooks/in/{receiver.id}", {**query, "hub.verify_token": "guess"})
    assert answer.status_code == 401


def test_answers_twilio_in_its_own_language(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "twilio")
    answer = deliver(receiver, sender)
    assert answer.headers["Content-Type"] == "text/xml"
    assert answer.content.endswith(b"<Response/>")


def test_takes_in_what_vonage_sends_as_a_query(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "vonage-sms")
    query = sender.request(at=datetime.now(UTC)).body.decode()
    path = f"/api/webhooks/in/{receiver.id}"
    assert Client().get(f"{path}?{query}").status_code == 200
    assert Client().get(f"{path}?{query}0").status_code == 401
    assert Client().get(path).status_code == 405
    stored = InboundRequest.objects.get()
    assert (stored.state, stored.url) == ("published", f"https://signalbox.example.com{path}")
    assert counts(receiver) == {"accepted": 1, "signature": 1}
    (event,) = Event.objects.all()
    assert event.event_type == "vonage.message_status"


def test_keeps_of_the_address_what_we_put_there_ourselves(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "twilio")
    query = "?message=019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e&token=of-the-sender"
    assert deliver(receiver, sender, query=query).status_code == 200
    assert deliver(receiver, sender, query=query, sent_body=sender.body + b"0").status_code == 401
    stored = InboundRequest.objects.get()
    assert stored.url.endswith(f"/api/webhooks/in/{receiver.id}?message=019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e")


@pytest.mark.parametrize("switch", ["receiver", "tenant"])
def test_does_not_say_that_an_inactive_receiver_exists(tenant: Tenant, admin_actor: Actor, switch: str) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    (Receiver if switch == "receiver" else Tenant).objects.update(is_active=False)
    assert deliver(receiver, sender).status_code == 404
    assert nothing_came_of_it()
    assert counts(receiver) == {}


@pytest.mark.parametrize("reference", ["nonsense", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"])
def test_answers_404_for_what_is_no_receiver(client: Client, db: None, reference: str) -> None:
    assert client.post(f"/api/webhooks/in/{reference}", {}).status_code == 404


def test_publishes_later_what_was_stored_when_the_process_died(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    monkeypatch.setattr(receiving, "publish", lambda *_: None)
    assert deliver(receiver, sender).status_code == 200
    monkeypatch.undo()
    assert Event.objects.count() == 0
    assert InboundRequest.objects.get().state == "stored"
    assert publish_stored() == 0  # whoever stored it may be about to publish it
    InboundRequest.objects.update(received_at=timezone.now() - timedelta(seconds=30))
    assert publish_stored() == 1
    assert Event.objects.get().event_type == sender.event_type
    assert counts(receiver) == {"accepted": 1}
    assert publish_stored() == 0


def test_forgets_what_is_past_its_time(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    deliver(receiver, sender)
    assert forget_received() == 0
    age = timedelta(days=8)
    InboundRequest.objects.update(id=id_of(age), received_at=timezone.now() - age)
    InboundKey.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    ReceiverCount.objects.update(hour=timezone.now() - timedelta(days=91))
    assert forget_received() == 3
    assert Event.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_publishes_once_when_the_same_arrives_many_times_at_once(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github")

    def send(_: int) -> int:
        try:
            return int(deliver(receiver, sender).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(16))) == {200}
    assert Event.objects.count() == 1
    assert counts(receiver) == {"accepted": 1, "duplicate": 15}


def test_does_not_take_a_scanners_get_for_a_wrong_signature(tenant: Tenant, admin_actor: Actor, client: Client) -> None:
    receiver, _ = make(tenant, admin_actor, "github")
    assert client.get(f"/api/webhooks/in/{receiver.id}").status_code == 405
    assert counts(receiver) == {}
