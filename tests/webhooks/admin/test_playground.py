"""The playground: the request that would be sent, to the letter, and the answer to the one that is."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.receiver import Receiver
from tests.webhooks.sending_steps import NOTHING, row_counts
from tests.webhooks.webhook_steps import HEADERS, TOKEN, URL, activity, update
from webhooks.engine.preview import PreviewedRequest, preview
from webhooks.models import Webhook, WebhookRuntime, WebhookStats
from webhooks.services.payloads import new_event
from webhooks.services.webhooks import create_webhook
from webhooks.signing import sign, signing_key

pytestmark = pytest.mark.django_db

AWKWARD = {"note": 'It\'s "quoted" \\ $HOME `id` $(id) !1 é\n', "@": ";&|<>*?[]{}"}


def page(webhook: Webhook, name: str = "playground") -> str:
    return reverse(f"admin:webhooks_webhook_{name}", args=[webhook.pk])


def shown(client: Client, webhook: Webhook, payload: Any, **fields: str) -> PreviewedRequest:
    answer = client.post(page(webhook), {"payload": json.dumps(payload), "preview": "1", **fields})
    assert answer.status_code == 200
    request: PreviewedRequest | None = answer.context["preview"].request
    assert request is not None
    return request


def test_shows_the_request_of_a_sample_when_it_is_opened(admin_client: Client, webhook: Webhook) -> None:
    answer = admin_client.get(page(webhook))
    assert answer.context["preview"].request.body == '{"test":true,"source":"signalbox"}'
    assert answer["Cache-Control"].count("no-store") == 1


def test_shows_every_header_with_credentials_hidden_and_a_signature_that_holds(
    admin_client: Client, webhook: Webhook
) -> None:
    request = shown(admin_client, webhook, {"a": 1}, event_type="order.paid")
    headers = dict(request.headers)
    assert (request.method, request.url, request.body, request.size) == ("POST", URL, '{"a":1}', 7)
    assert headers["Host"] == "hooks.example.com"
    assert headers["Authorization"] == "Bearer ***"
    assert (headers["X-Key"], headers["X-Env"]) == ("***", "***")
    assert (headers["X-Signalbox-Attempt"], headers["X-Signalbox-Event-Type"]) == ("1", "order.paid")
    assert headers["Content-Length"] == "7"
    assert headers["webhook-signature"] == sign(
        keys=[signing_key(webhook.signing_secret.reveal())],
        message_id=headers["webhook-id"],
        timestamp=int(headers["webhook-timestamp"]),
        body=b'{"a":1}',
    )


def test_page_shows_no_secret(admin_client: Client, webhook: Webhook) -> None:
    html = admin_client.post(page(webhook), {"payload": "{}", "preview": "1"}).content.decode()
    secrets = [TOKEN, *HEADERS.values(), webhook.signing_secret.reveal()]
    assert [secret for secret in secrets if secret in html] == []
    assert "&quot;Authorization: Bearer $TOKEN&quot;" in html


def test_preview_stores_nothing_and_sends_nothing(
    admin_client: Client, tenant: Tenant, admin_actor: Actor, receiver: Receiver
) -> None:
    hook = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="real", url=receiver.url("/in"))
    before = activity(tenant)
    shown(admin_client, hook, {"a": 1}, event_type="order.paid")
    admin_client.get(page(hook))
    admin_client.get(page(hook, "test"))
    assert receiver.requests == []
    assert row_counts() == NOTHING
    assert (WebhookRuntime.objects.count(), WebhookStats.objects.count()) == (0, 0)
    assert activity(tenant) == before


def test_shows_the_envelope_where_the_webhook_wants_one(
    admin_client: Client, admin_actor: Actor, webhook: Webhook
) -> None:
    update(webhook, admin_actor, payload_format="standard")
    body = json.loads(shown(admin_client, webhook, {"a": 1}, event_type="order.paid").body)
    assert (body["type"], body["data"]) == ("order.paid", {"a": 1})
    assert list(body) == ["type", "timestamp", "data"]


@pytest.mark.parametrize("path", ["/in", "/in?a=[1]&b={x,y}&c='"], ids=["plain", "awkward"])
def test_curl_line_sends_what_is_shown(
    admin_client: Client, tenant: Tenant, admin_actor: Actor, receiver: Receiver, path: str
) -> None:
    hook = create_webhook(
        actor=admin_actor,
        tenant=tenant,
        workflow_name="real",
        url=receiver.url(path),
        auth_token=TOKEN,
        headers={"X-Key": "key-of-the-receiver", "Path": "path-of-the-receiver"},
    )
    request = shown(admin_client, hook, AWKWARD)
    assert request.variables == {"X-Key": "X_KEY", "Path": "HEADER_PATH", "Authorization": "TOKEN"}
    values = {"TOKEN": "a token", "X_KEY": "a 'key' \"$HOME\"", "HEADER_PATH": "a path"}

    subprocess.run(
        ["sh", "-c", request.curl], env={"PATH": "/usr/bin:/bin", "HOME": "/", **values}, check=True, timeout=30
    )

    (sent,) = receiver.requests
    expected = dict(request.headers) | {
        "Authorization": "Bearer a token",
        "X-Key": values["X_KEY"],
        "Path": "a path",
    }
    assert {name: sent.headers[name] for name in expected} == expected
    assert sent.body == request.body.encode()
    assert f"{sent.path}?{sent.query}".rstrip("?") == request.url.removeprefix(receiver.url(""))


def test_says_why_a_disabled_webhook_is_not_sent_and_shows_the_request(
    admin_client: Client, admin_actor: Actor, webhook: Webhook
) -> None:
    update(webhook, admin_actor, is_active=False)
    answer = admin_client.get(page(webhook))
    assert answer.context["preview"].refusal == "The webhook is disabled: enable it to send this."
    assert answer.context["preview"].request is not None
    Tenant.objects.update(is_active=False)
    assert admin_client.get(page(webhook)).context["preview"].refusal.startswith("The tenant is inactive")


def test_says_why_a_webhook_without_an_address_has_no_request(
    admin_client: Client, tenant: Tenant, admin_actor: Actor, webhook: Webhook
) -> None:
    Webhook.objects.filter(id=webhook.id).update(url=None)
    answer = admin_client.get(page(webhook))
    assert answer.context["preview"].request is None
    assert "contact_form has no url" in answer.content.decode()


@pytest.mark.parametrize("payload", ["", "{", "[1]", '"text"', "[" * 100_000, '{"a": "\\u0000"}', '{"a": NaN}'])
def test_refuses_what_is_no_payload(admin_client: Client, tenant: Tenant, webhook: Webhook, payload: str) -> None:
    for name in ("playground", "test"):
        answer = admin_client.post(page(webhook, name), {"payload": payload})
        assert answer.status_code == 200
        assert answer.context["form"].errors["payload"]
        assert "preview" not in answer.context
    assert row_counts() == NOTHING
    assert [verb for verb, *_ in activity(tenant)] == ["webhook.created"]


def test_refuses_what_is_no_event_type(admin_client: Client, webhook: Webhook) -> None:
    answer = admin_client.post(page(webhook), {"payload": "{}", "event_type": "Order Paid"})
    assert "segments joined by dots" in answer.context["form"].errors["event_type"][0]
    assert row_counts() == NOTHING


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["playground", "test"])
def test_sending_to_a_disabled_webhook_says_why_not(
    admin_client: Client, tenant: Tenant, admin_actor: Actor, webhook: Webhook, name: str
) -> None:
    update(webhook, admin_actor, is_active=False)
    answer = admin_client.post(page(webhook, name), {"payload": "{}"})
    assert answer.status_code == 200
    assert "disabled" in answer.context["refusal"]
    assert "webhook.tested" not in [verb for verb, *_ in activity(tenant)]
    assert row_counts() == NOTHING


def test_is_closed_to_auditors(auditor_client: Client, tenant: Tenant, webhook: Webhook) -> None:
    for name in ("playground", "test"):
        assert auditor_client.get(page(webhook, name)).status_code == 403
        assert auditor_client.post(page(webhook, name), {"payload": "{}"}).status_code == 403
    assert row_counts() == NOTHING
    assert [verb for verb, *_ in activity(tenant)] == ["webhook.created"]


def test_says_what_is_wrong_with_a_secret_that_cannot_be_read(webhook: Webhook, other_tenant: Tenant) -> None:
    # Sealed for another webhook, so it does not open here.
    other = create_webhook(
        actor=Actor.system("test"), tenant=other_tenant, workflow_name="other", url=URL, auth_token="another-token-0123"
    )
    with connection.cursor() as cursor:
        taken = "(SELECT auth_token FROM webhooks_webhook WHERE id = %s)"
        cursor.execute(f"UPDATE webhooks_webhook SET auth_token = {taken} WHERE id = %s", [other.id, webhook.id])
    answer = preview(Webhook.objects.get(id=webhook.id), new_event(payload={}))
    assert answer.request is None
    assert answer.refusal == "A stored secret of this webhook cannot be read: enter it again."
