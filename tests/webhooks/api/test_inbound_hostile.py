"""`/api/webhooks/in/{receiver}` under senders who mean harm, and under failures of our own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.models import Tenant
from integrations.providers.github.receiving import GitHubReceiving
from tests.integrations.providers.senders import SENDERS, json_of
from tests.webhooks.api.inbound_steps import counts, deliver, make, nothing_came_of_it
from webhooks.models import Event, InboundKey, InboundRequest, Payload, Receiver
from webhooks.services import inbound_publishing, receiving
from webhooks.services.inbound_publishing import publish_stored
from webhooks.services.receivers import create_receiver, rotate_receiver_secret

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("public_address")]

EVERY_SENDER = pytest.mark.parametrize("name", SENDERS)
FORM = "application/x-www-form-urlencoded"


def kept(receiver: Receiver) -> tuple[int, int, str]:
    """Return how many events and keys there are, and what became of the one request."""
    return Event.objects.count(), InboundKey.objects.count(), InboundRequest.objects.get(receiver=receiver).state


def _with_everywhere(name: str, text: str) -> bytes:
    """Return a body of this sender that holds a text both in its id and in its content."""
    if name == "twilio":
        return urlencode({"MessageSid": f"SM{text}", "MessageStatus": "delivered"}).encode()
    message = {"id": f"wamid{text}", "text": text}
    changes = [{"field": "messages", "value": {"messages": [message]}}]
    return json_of({"type": "event_callback", "event_id": f"Ev{text}", "text": text, "entry": [{"changes": changes}]})


@EVERY_SENDER
@pytest.mark.parametrize("text", ["\0", "\ud800"], ids=["nul", "half-a-character"])
def test_refuses_what_cannot_be_stored_and_counts_it(tenant: Tenant, admin_actor: Actor, name: str, text: str) -> None:
    if name == "twilio" and text != "\0":
        pytest.skip("a form cannot hold half a character")
    receiver, sender = make(tenant, admin_actor, name)
    answer = deliver(receiver, sender, body=_with_everywhere(name, text))
    assert answer.status_code == 400, answer.content
    assert kept(receiver) == (0, 0, "refused")
    assert counts(receiver) == {"malformed": 1}
    InboundRequest.objects.update(received_at=timezone.now() - timedelta(seconds=30))
    assert publish_stored() == 0


@EVERY_SENDER
def test_refuses_a_signed_body_of_the_wrong_json_type(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    for body in (b"[1]", b'"text"', b"7", b"null"):
        assert deliver(receiver, sender, body=body).status_code == 400
    assert (Event.objects.count(), InboundKey.objects.count()) == (0, 0)
    assert counts(receiver) == {"malformed": 4}


@EVERY_SENDER
def test_refuses_a_signed_body_of_the_wrong_content_type(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    wrong = "application/json" if sender.content_type == FORM else FORM
    answer = deliver(receiver, sender, content_type=wrong)
    if name in {"custom", "custom-hmac", "custom-token"}:  # any form is an object of texts
        assert answer.status_code == 200
        return
    assert answer.status_code in {400, 401}
    assert (Event.objects.count(), InboundKey.objects.count()) == (0, 0)
    assert counts(receiver) in ({"malformed": 1}, {"signature": 1})


@EVERY_SENDER
def test_refuses_a_tampered_body(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    if name == "custom-token":
        pytest.skip("a fixed token proves the sender, not the body")
    receiver, sender = make(tenant, admin_actor, name)
    assert deliver(receiver, sender, sent_body=sender.body + b" ").status_code == 401
    assert nothing_came_of_it()
    assert counts(receiver) == {"signature": 1}


@EVERY_SENDER
def test_refuses_a_request_without_the_headers_that_prove_it(tenant: Tenant, admin_actor: Actor, name: str) -> None:
    receiver, sender = make(tenant, admin_actor, name)
    answer = Client().post(f"/api/webhooks/in/{receiver.id}", sender.body, content_type=sender.content_type)
    assert answer.status_code == 401
    assert "is missing" in answer.json()["detail"]
    assert nothing_came_of_it()
    assert counts(receiver) == {"signature": 1}


def test_takes_forms_whatever_the_case_of_their_content_type(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "twilio")
    answer = deliver(receiver, sender, content_type="Application/X-WWW-Form-Urlencoded; charset=UTF-8")
    assert (answer.status_code, Event.objects.count()) == (200, 1)


def test_refuses_a_compressed_body_and_says_so(tenant: Tenant, admin_actor: Actor) -> None:
    import gzip

    receiver, sender = make(tenant, admin_actor, "github")
    answer = deliver(receiver, sender, body=gzip.compress(sender.body), HTTP_CONTENT_ENCODING="gzip")
    assert (answer.status_code, answer.json()["detail"]) == (400, "The body is no JSON.")
    assert kept(receiver) == (0, 0, "refused")


@pytest.mark.parametrize("method", ["head", "put", "patch", "delete", "options", "trace"])
def test_answers_405_to_other_methods(tenant: Tenant, admin_actor: Actor, method: str) -> None:
    receiver, _ = make(tenant, admin_actor, "github")
    assert getattr(Client(), method)(f"/api/webhooks/in/{receiver.id}").status_code == 405
    assert nothing_came_of_it()


def test_a_signed_get_brings_nothing(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "custom-token")
    answer = Client().get(f"/api/webhooks/in/{receiver.id}", HTTP_X_TOKEN=sender.secret)
    assert answer.status_code == 405
    assert nothing_came_of_it()
    assert counts(receiver) == {}


@pytest.mark.parametrize("networks", [["::ffff:127.0.0.0/104"], ["127.0.0.0/8"]], ids=["mapped", "ipv4"])
@pytest.mark.parametrize("peer", ["127.0.0.1", "::ffff:127.0.0.1"])
def test_an_ipv4_address_is_the_same_in_its_ipv6_form(
    tenant: Tenant, admin_actor: Actor, networks: list[str], peer: str
) -> None:
    receiver, sender = make(tenant, admin_actor, "github", allowed_networks=networks)
    assert receiver.allowed_networks == ["127.0.0.0/8"]
    assert deliver(receiver, sender, REMOTE_ADDR=peer).status_code == 200
    assert deliver(receiver, sender, REMOTE_ADDR="::ffff:192.0.2.1").status_code == 403


def test_who_does_not_know_the_secret_cannot_use_up_the_limit(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github", rate_limit_per_minute=2)
    for _ in range(4):
        assert deliver(receiver, sender, secret=sender.other_secret).status_code == 401
    assert deliver(receiver, sender).status_code == 200
    assert counts(receiver) == {"signature": 4, "accepted": 1}


def test_keeps_nothing_that_proves_the_sender_wherever_it_stands(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "custom-token")
    headers = {
        "HTTP_X_HUB_SIGNATURE": "sha1=1",
        "HTTP_X_API_KEY": "2",
        "HTTP_X_GITLAB_TOKEN": "3",
        "HTTP_AUTHORIZATION": "Basic 4",
        "HTTP_X_AGAIN": f"Bearer {sender.secret}",
        "HTTP_X_HARMLESS": "kept",
    }
    assert deliver(receiver, sender, query="?token=a-secret-of-the-senders", **headers).status_code == 200
    request = InboundRequest.objects.get()
    assert sorted(set(request.headers) - {"content-type", "content-length", "accept", "x-event-id"}) == ["x-harmless"]
    assert request.url == f"https://signalbox.example.com/api/webhooks/in/{receiver.id}"


def test_keeps_headers_that_are_no_text(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    assert deliver(receiver, sender, HTTP_X_ODD="a\udcffb\0" + "c" * 5000).status_code == 200
    assert InboundRequest.objects.get().headers["x-odd"] == "a?b" + "c" * 1997


def test_publishes_an_event_that_stands_in_a_request_twice_once(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "whatsapp")
    change = {"field": "messages", "value": {"messages": [{"id": "wamid.A"}]}}
    other = {"field": "messages", "value": {"messages": [{"id": "wamid.B"}]}}
    body = json_of({"entry": [{"id": "1", "changes": [change, other, change]}, {"id": "1", "changes": [change]}]})
    assert deliver(receiver, sender, body=body).status_code == 200
    assert (Event.objects.count(), counts(receiver)) == (2, {"accepted": 1})
    body = json_of({"entry": [{"id": "1", "changes": [other, {"field": "account_update", "value": {}}]}]})
    assert deliver(receiver, sender, body=body).status_code == 200
    assert (Event.objects.count(), counts(receiver)) == (3, {"accepted": 2})


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "1", "changes": [{"n": number} for number in range(1001)]},
        {"id": "x" * 100_000, "changes": [{"n": number} for number in range(100)]},
    ],
    ids=["many", "together-large"],
)
def test_a_small_request_cannot_become_a_flood_of_events(
    tenant: Tenant, admin_actor: Actor, entry: dict[str, Any]
) -> None:
    receiver, sender = make(tenant, admin_actor, "whatsapp")
    answer = deliver(receiver, sender, body=json_of({"entry": [entry]}))
    assert answer.status_code == 400
    assert "1,000 are taken" in answer.json()["detail"] or "2,097,152" in answer.json()["detail"]
    assert kept(receiver) == (0, 0, "refused")


def test_an_event_that_grew_too_large_is_refused_again_when_it_is_repeated(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "custom-token")
    body = b"&".join(b"a%d=\x01" % number for number in range(900)) + b"&b=" + b"\x01" * 200_000
    for _ in range(2):
        answer = deliver(receiver, sender, body=body, content_type=FORM)
        assert answer.status_code == 400
        assert "262,144" in answer.json()["detail"]
    assert (Event.objects.count(), InboundKey.objects.count(), Payload.objects.count()) == (0, 0, 0)
    assert counts(receiver) == {"malformed": 2}


def test_a_mistake_of_ours_is_refused_and_does_not_loop(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, sender = make(tenant, admin_actor, "github")

    def broken(*_: object) -> None:
        raise KeyError("missing")

    monkeypatch.setattr(GitHubReceiving, "parse", broken)
    answer = deliver(receiver, sender)
    assert (answer.status_code, answer.json()["detail"]) == (400, "It could not be understood (KeyError).")
    assert kept(receiver) == (0, 0, "refused")
    assert publish_stored() == 0
    monkeypatch.undo()
    assert deliver(receiver, sender).status_code == 200  # sent again once it is mended
    assert Event.objects.count() == 1


def test_a_value_that_the_database_refuses_ends_as_refused(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, sender = make(tenant, admin_actor, "github")

    def refused(*_: object, **__: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'x'::int")

    monkeypatch.setattr(inbound_publishing, "accept_events", refused)
    assert deliver(receiver, sender).status_code == 400
    assert kept(receiver) == (0, 0, "refused")
    assert InboundRequest.objects.get().detail == "It holds a value that cannot be stored."


def test_one_that_fails_holds_up_no_other_and_is_given_up_after_a_day(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, sender = make(tenant, admin_actor, "custom")
    monkeypatch.setattr(receiving, "publish", lambda *_: None)
    deliver(receiver, sender)
    deliver(receiver, sender, body=json_of({"invoice": 8}), at=datetime.now(UTC) - timedelta(seconds=1))
    monkeypatch.undo()
    InboundRequest.objects.update(received_at=timezone.now() - timedelta(seconds=30))
    first = InboundRequest.objects.order_by("id").values_list("id", flat=True)[0]
    genuine = inbound_publishing.publish

    def failing(tenant_id: Any, request_id: Any) -> Any:
        if request_id == first:
            raise OperationalError("canceling statement due to lock timeout")
        return genuine(tenant_id, request_id)

    monkeypatch.setattr(inbound_publishing, "publish", failing)
    monkeypatch.setattr(inbound_publishing, "_SWEPT_AT_ONCE", 1)
    assert publish_stored() == 1
    assert publish_stored() == 0
    InboundRequest.objects.filter(id=first).update(received_at=timezone.now() - timedelta(hours=25))
    assert publish_stored() == 1
    given_up = InboundRequest.objects.get(id=first)
    assert (given_up.state, given_up.detail) == ("refused", "It could not be published within a day.")
    assert counts(receiver) == {"accepted": 1, "malformed": 1}


def test_answers_200_when_it_is_stored_and_the_database_fails_afterwards(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, sender = make(tenant, admin_actor, "github")

    def failing(*_: object) -> None:
        raise OperationalError("terminating connection")

    monkeypatch.setattr(receiving, "publish", failing)
    assert deliver(receiver, sender).status_code == 200
    assert kept(receiver) == (0, 0, "stored")


def test_a_receiver_that_is_deleted_meanwhile_answers_404(
    tenant: Tenant, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    verify = GitHubReceiving.verify

    def slow(self: GitHubReceiving, incoming: Any, settings: Any) -> None:
        verify(self, incoming, settings)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        Receiver.objects.all().delete()

    monkeypatch.setattr(GitHubReceiving, "verify", slow)
    assert deliver(receiver, sender).status_code == 404
    assert nothing_came_of_it()


def _spoil(column: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE webhooks_receiver SET {column} = overlay({column} placing 'AAAA' from length({column}) - 12)"
        )


@pytest.mark.hand_made_ciphertext
def test_a_secret_that_no_longer_opens_lets_nobody_in(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    _spoil("secret")
    assert deliver(receiver, sender).status_code == 409
    assert nothing_came_of_it()


@pytest.mark.hand_made_ciphertext
def test_one_secret_that_opens_is_enough_during_a_rotation(tenant: Tenant, admin_actor: Actor) -> None:
    receiver, sender = make(tenant, admin_actor, "github")
    rotate_receiver_secret(actor=admin_actor, tenant=tenant, receiver_id=receiver.id, secret=sender.other_secret)
    _spoil("previous_secret")
    assert deliver(receiver, sender).status_code == 401
    assert deliver(receiver, sender, secret=sender.other_secret).status_code == 200


def test_the_longest_names_make_an_event_type_that_is_short_enough(tenant: Tenant, admin_actor: Actor) -> None:
    options = {"scheme": "token", "header": "X-Token", "type_header": "X-Type"}
    receiver = create_receiver(
        actor=admin_actor, tenant=tenant, provider="custom", name="n" * 60, secret="a-fixed-token", options=options
    )
    answer = Client().post(
        f"/api/webhooks/in/{receiver.id}", b"{}", "application/json", HTTP_X_TOKEN="a-fixed-token", HTTP_X_TYPE="t" * 99
    )
    assert answer.status_code == 200
    assert len(Event.objects.get().event_type) == 128
