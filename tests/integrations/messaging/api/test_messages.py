"""`…/messages`: sending one, the list, one with its text, settling."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.activity.models import ActivityLog
from integrations.messaging.models import Message
from integrations.models import Integration, Role, Tenant
from integrations.services.api_keys import IssuedKey
from integrations.services.integration_items import add_integration
from integrations.services.integrations import create_integration
from tests.config.platform_scene import staff
from tests.integrations.messaging.stored_messages import NUMBER, TEXT, TWILIO, make_message
from tests.integrations.people import client_of, join

pytestmark = pytest.mark.django_db

MESSAGES = "/api/platform/tenants/acme/messages"
OWN = "/api/v1/messages"
SMS = {"channel": "sms", "to": NUMBER, "text": TEXT}


@pytest.fixture
def tenant_api(make_key: Callable[..., IssuedKey], api_with: Callable[..., APIClient]) -> Callable[..., APIClient]:
    """Give a client with a new key of the tenant, which may do everything unless scopes are named."""
    return lambda *scopes: api_with(make_key(*scopes))


@pytest.fixture
def twilio(tenant: Tenant, admin_actor: Actor) -> Integration:
    return create_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO)


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [row["id"] for row in answer.json()["results"]]


# --- Sending ----------------------------------------------------------------------------------------------------


def test_accepts_a_message_and_does_not_say_it_back(api: APIClient, twilio: Integration) -> None:
    answer = api.post(MESSAGES, {**SMS, "triggered_by": "checkout", "metadata": {"order": 4711}})

    assert answer.status_code == 202, answer.content
    shown = answer.json()
    assert TEXT not in answer.content.decode()
    assert {
        name: shown[name] for name in ("channel", "provider", "integration", "source", "to", "state", "attempts")
    } == {
        "channel": "sms",
        "provider": "twilio",
        "integration": str(twilio.id),
        "source": "tenant",
        "to": NUMBER,
        "state": "accepted",
        "attempts": 0,
    }
    assert (shown["triggered_by"], shown["metadata"], shown["sent_at"], shown["cost"]) == (
        *("checkout", {"order": 4711}),
        *(None, None),
    )
    assert api.get(f"{MESSAGES}/{shown['id']}").json()["text"] == TEXT


def test_key_in_header_and_body_are_the_same_thing(tenant_api: Callable[..., APIClient], twilio: Integration) -> None:
    client = tenant_api("messages:send")
    first = client.post(OWN, SMS, headers={"Idempotency-Key": "order-4711"})
    again = client.post(OWN, {**SMS, "idempotency_key": "order-4711"})

    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["id"] == again.json()["id"]
    assert (first.headers.get("Idempotency-Replayed"), again.headers["Idempotency-Replayed"]) == (None, "true")
    assert Message.objects.count() == 1
    other_text = client.post(OWN, {**SMS, "text": "Another text."}, headers={"Idempotency-Key": "order-4711"})
    both = client.post(OWN, {**SMS, "idempotency_key": "a"}, headers={"Idempotency-Key": "b"})
    assert (other_text.status_code, both.status_code) == (409, 422)
    assert "idempotency_key" in both.json()["errors"]
    assert Message.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"channel": "fax"}, "channel"),
        ({"to": "015112345678"}, "to"),
        ({"to": "+1650555"}, "to"),
        ({"to": 4915112345678}, "to"),
        ({"text": ""}, "text"),
        ({"text": 7}, "text"),
        ({"template": "order_shipped"}, "template"),
        ({"template": {"name": "order_shipped"}}, "template.language"),
        ({"metadata": "none"}, "metadata"),
        ({"integration": "mine"}, "integration"),
        ({"integration": "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"}, "integration"),
        ({"from": "+4915100000000"}, "from"),
    ],
)
def test_refuses_a_wrong_field_by_name(api: APIClient, twilio: Integration, change: dict[str, Any], field: str) -> None:
    answer = api.post(MESSAGES, {**SMS, **change})

    assert (answer.status_code, list(answer.json().get("errors", {}))) == (422, [field]), answer.content
    assert not Message.objects.exists()


def test_says_that_nothing_is_connected(api: APIClient, tenant: Tenant) -> None:
    answer = api.post(MESSAGES, SMS)

    assert answer.status_code == 404
    assert "is not connected: add an integration of" in answer.json()["detail"]


def test_sends_through_the_members_own_integration_first(
    twilio: Integration, tenant: Tenant, admin_actor: Actor, tenant_api: Callable[..., APIClient]
) -> None:
    mia = join(tenant, "mia", Role.MEMBER)
    own = add_integration(actor=admin_actor, tenant=tenant, provider="twilio", values=TWILIO, owner=mia)

    by_mia = client_of(mia.user).post(OWN, SMS).json()
    by_key = tenant_api().post(OWN, SMS).json()

    assert (by_mia["integration"], by_mia["source"]) == (str(own.id), "user")
    assert (by_key["integration"], by_key["source"]) == (str(twilio.id), "tenant")
    named = tenant_api().post(OWN, {**SMS, "integration": str(own.id)})
    assert (named.status_code, list(named.json()["errors"])) == (422, ["integration"])


# --- Reading ----------------------------------------------------------------------------------------------------


def test_lists_newest_first_and_without_what_they_say(api: APIClient, tenant: Tenant) -> None:
    first, second = make_message(tenant), make_message(tenant, state="sent", provider_message_id="SM1")
    answer = api.get(MESSAGES)

    assert ids(answer) == [str(second.id), str(first.id)]
    assert TEXT not in answer.content.decode()
    assert not {"text", "template", "content"} & answer.json()["results"][0].keys()
    assert answer.json()["results"][0]["provider_message_id"] == "SM1"


def test_filters(api: APIClient, twilio: Integration, tenant: Tenant) -> None:
    now = timezone.now()
    old = make_message(tenant, accepted_at=now - timedelta(days=2), to="+33612345678")
    chat = make_message(tenant, channel="whatsapp", provider="whatsapp", state="read")
    ours = make_message(tenant, integration=twilio, source="tenant", state="failed")

    assert ids(api.get(MESSAGES, {"channel": "whatsapp"})) == [str(chat.id)]
    assert ids(api.get(MESSAGES, {"state": "failed"})) == [str(ours.id)]
    assert ids(api.get(MESSAGES, {"provider": "twilio"})) == [str(ours.id), str(old.id)]
    assert ids(api.get(MESSAGES, {"integration": str(twilio.id)})) == [str(ours.id)]
    assert ids(api.get(MESSAGES, {"until": (now - timedelta(days=1)).isoformat()})) == [str(old.id)]
    assert ids(api.get(MESSAGES, {"from": (now - timedelta(days=1)).isoformat()})) == [str(ours.id), str(chat.id)]


@pytest.mark.parametrize("written", ["%2B33612345678", "+33612345678", "33612345678"])
def test_finds_a_number_with_and_without_its_plus_sign(api: APIClient, tenant: Tenant, written: str) -> None:
    make_message(tenant)
    wanted = make_message(tenant, to="+33612345678")
    assert ids(api.get(f"{MESSAGES}?to={written}")) == [str(wanted.id)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"state": "lost"}, "state"),
        ({"channel": "fax"}, "channel"),
        ({"provider": "n8n"}, "provider"),
        ({"to": "Ada"}, "to"),
        ({"from": "yesterday"}, "from"),
        ({"until": "2026-01-31"}, "until"),
        ({"text": "code"}, "text"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_refuses_a_query_it_does_not_understand(
    api: APIClient, tenant: Tenant, query: dict[str, str], field: str
) -> None:
    answer = api.get(MESSAGES, query)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


def test_costs_the_same_for_three_and_for_thirty(api: APIClient, tenant: Tenant) -> None:
    counts = []
    for rows in (3, 27):
        for _ in range(rows):
            make_message(tenant)
        with CaptureQueriesContext(connection) as queries:
            api.get(MESSAGES)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_goes_through_the_list_by_cursor(api: APIClient, tenant: Tenant) -> None:
    made = [str(make_message(tenant).id) for _ in range(3)]
    first = api.get(MESSAGES, {"page_size": 2})
    second = api.get(first.json()["next"])
    assert ids(first) + ids(second) == made[::-1]
    assert second.json()["next"] is None


def test_shows_what_one_says(api: APIClient, tenant: Tenant) -> None:
    template = {"name": "code", "language": "en_US", "components": [{"type": "body"}]}
    kinds = [make_message(tenant), make_message(tenant, template=template), make_message(tenant, content=None)]

    shown = [api.get(f"{MESSAGES}/{message.id}").json() for message in kinds]

    assert [(each["content"], each["text"], each["template"]) for each in shown] == [
        ("stored", TEXT, None),
        ("stored", None, template),
        ("removed", None, None),
    ]


def test_hides_from_auditors_what_one_says(tenant: Tenant) -> None:
    message = make_message(tenant)
    client = APIClient()
    client.force_login(staff("auditor"))

    answer = client.get(f"{MESSAGES}/{message.id}")

    assert answer.status_code == 200
    assert (answer.json()["content"], answer.json()["text"]) == ("hidden", None)
    assert "339417" not in answer.content.decode()


def test_reading_and_sending_are_scopes_of_their_own(
    tenant: Tenant, twilio: Integration, tenant_api: Callable[..., APIClient]
) -> None:
    address = f"{OWN}/{make_message(tenant, state='unknown').id}"
    reads, sends = tenant_api("messages:read"), tenant_api("messages:send")

    assert [client.get(path).status_code for client in (reads, sends) for path in (OWN, address)] == [
        200,
        200,
        403,
        403,
    ]
    assert [client.post(OWN, SMS).status_code for client in (reads, sends)] == [403, 202]
    settled = {"state": "sent"}
    assert [client.post(f"{address}/settle", settled).status_code for client in (reads, sends)] == [403, 200]


def test_what_a_members_own_integration_sent_is_theirs_alone(
    tenant: Tenant, api: APIClient, tenant_api: Callable[..., APIClient]
) -> None:
    mia, leo = join(tenant, "mia", Role.MEMBER), join(tenant, "leo", Role.OWNER)
    everybodys = make_message(tenant)
    own = make_message(tenant, source="user", membership_id=mia.id, state="unknown")

    assert ids(client_of(mia.user).get(OWN)) == [str(own.id), str(everybodys.id)]
    assert client_of(mia.user).get(f"{OWN}/{own.id}").json()["text"] == TEXT
    for client in (client_of(leo.user), tenant_api()):
        assert ids(client.get(OWN)) == [str(everybodys.id)]
        assert client.get(f"{OWN}/{own.id}").status_code == 404
        assert client.post(f"{OWN}/{own.id}/settle", {"state": "sent"}).status_code == 404
    assert ids(api.get(MESSAGES)) == [str(own.id), str(everybodys.id)]  # the platform sees everything


# --- Settling ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "moment"), [("sent", "sent_at"), ("delivered", "delivered_at"), ("failed", "failed_at")]
)
def test_settles_and_says_who_did(api: APIClient, tenant: Tenant, state: str, moment: str) -> None:
    message = make_message(tenant, state="unknown", unknown_at=timezone.now())

    answer = api.post(f"{MESSAGES}/{message.id}/settle", {"state": state, "note": "In the log of Twilio."})

    assert answer.status_code == 200, answer.content
    shown = answer.json()
    assert (shown["state"], shown["settled_by"], shown["settled_note"]) == (state, "ada", "In the log of Twilio.")
    assert shown[moment] is not None
    assert "text" not in shown
    entry = ActivityLog.objects.get(verb="message.settled")
    assert (entry.actor_name, entry.object_id, entry.tenant_id, entry.detail) == (
        *("ada", message.id, tenant.id),
        f"as {state}",
    )
    assert NUMBER not in json.dumps([entry.object_name, entry.detail, entry.changed_fields])


@pytest.mark.parametrize("state", ["accepted", "sent", "delivered", "read", "failed"])
def test_settles_only_what_is_unknown(api: APIClient, tenant: Tenant, state: str) -> None:
    message = make_message(tenant, state=state)

    answer = api.post(f"{MESSAGES}/{message.id}/settle", {"state": "failed"})

    assert answer.status_code == 409
    message.refresh_from_db()
    assert (message.state, message.settled_by) == (state, "")
    assert not ActivityLog.objects.filter(verb="message.settled").exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "state"),
        ({"state": "unknown"}, "state"),
        ({"state": "read"}, "state"),
        ({"state": "sent", "note": "x" * 501}, "note"),
        ({"state": "sent", "by": "me"}, "by"),
    ],
)
def test_refuses_to_settle_by_nonsense(api: APIClient, tenant: Tenant, body: dict[str, Any], field: str) -> None:
    message = make_message(tenant, state="unknown")
    answer = api.post(f"{MESSAGES}/{message.id}/settle", body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


@pytest.mark.parametrize("path", ["", "/settle"])
@pytest.mark.parametrize("reference", ["nonsense", "019a9f5e-6f0c-7cc4-9d0a-2f3a4b5c6d7e"])
def test_answers_404_for_what_is_no_message(api: APIClient, tenant: Tenant, path: str, reference: str) -> None:
    answer = (
        api.post(f"{MESSAGES}/{reference}{path}", {"state": "sent"}) if path else api.get(f"{MESSAGES}/{reference}")
    )
    assert answer.status_code == 404
