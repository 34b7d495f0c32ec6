"""`POST …/webhooks/{webhook}/secret/rotate`, ed25519 webhooks, and the state of the breaker in answers."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import connection
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.test import APIClient
from standardwebhooks import Webhook as Verifier

from analytics.models import WebhookCall
from integrations.activity.actor import Actor
from integrations.models import Tenant
from tests.engine_process import drain, running_engine
from tests.receiver import Receiver, Request
from tests.webhooks.webhook_steps import URL, activity
from webhooks.engine.webhook_targets import Targets
from webhooks.models import Webhook, WebhookRuntime
from webhooks.services.calls import call_webhook
from webhooks.services.signing_secrets import OVERLAP, forget_previous_secrets
from webhooks.services.webhooks import create_webhook

WEBHOOKS = "/api/platform/tenants/acme/webhooks"
HOOK = f"{WEBHOOKS}/contact_form"


def stored() -> Webhook:
    return Webhook.objects.get()


def verifies(public_key: str, request: Request) -> bool:
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key.removeprefix("whpk_")))
    signed = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    for signature in request.headers["webhook-signature"].split():
        version, _, value = signature.partition(",")
        try:
            if version == "v1a":
                key.verify(base64.b64decode(value), signed)
                return True
        except InvalidSignature:
            continue
    return False


# --- Rotating -------------------------------------------------------------------------------------------------------


def test_rotating_answers_a_new_secret_and_keeps_the_old_one_for_a_day(
    api: APIClient, tenant: Tenant, webhook: Webhook
) -> None:
    old = webhook.signing_secret.reveal()
    before = timezone.now()

    answer = api.post(f"{HOOK}/secret/rotate")

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["signing_secret"].startswith("whsec_")
    assert body["signing_secret"] != old
    assert body["public_key"] is None
    expires_at = parse_datetime(body["previous_secret_expires_at"])
    assert expires_at is not None
    assert before + OVERLAP <= expires_at <= timezone.now() + OVERLAP
    assert stored().signing_secret.reveal() == body["signing_secret"]
    assert stored().previous_signing_secret.reveal() == old
    assert stored().version == 2
    assert activity(tenant)[1:] == [("webhook.secret_rotated", "contact_form", ["signing_secret"])]
    assert api.get(f"{HOOK}/secret").json() == body
    shown = api.get(HOOK)
    assert shown.json()["previous_secret_expires_at"] == body["previous_secret_expires_at"]
    assert old not in shown.content.decode()
    assert body["signing_secret"] not in shown.content.decode()


def test_rotating_again_drops_the_oldest(api: APIClient, webhook: Webhook) -> None:
    second = api.post(f"{HOOK}/secret/rotate").json()["signing_secret"]
    api.post(f"{HOOK}/secret/rotate")
    assert stored().previous_signing_secret.reveal() == second


def test_rotating_replaces_a_secret_that_cannot_be_read_any_more(api: APIClient, webhook: Webhook) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhook SET signing_secret = url")
    body = api.post(f"{HOOK}/secret/rotate").json()
    assert stored().signing_secret.reveal() == body["signing_secret"]
    assert (stored().previous_signing_secret, body["previous_secret_expires_at"]) == (None, None)


@pytest.mark.parametrize("path", ["nonsense/secret/rotate", "nonsense/breaker/reset"])
def test_answers_404_for_what_does_not_exist(api: APIClient, webhook: Webhook, path: str) -> None:
    assert api.post(f"{WEBHOOKS}/{path}").status_code == 404


@pytest.mark.parametrize("path", ["secret/rotate", "breaker/reset"])
def test_is_for_platform_admins_only(anonymous_api: APIClient, webhook: Webhook, path: str) -> None:
    assert anonymous_api.post(f"{HOOK}/{path}").status_code == 401
    assert stored().version == 1


def test_sweep_erases_the_old_secret_after_the_overlap(api: APIClient, webhook: Webhook) -> None:
    api.post(f"{HOOK}/secret/rotate")
    assert forget_previous_secrets() == 0
    Webhook.objects.update(previous_secret_expires_at=timezone.now() - timedelta(seconds=1))
    assert api.get(f"{HOOK}/secret").json()["previous_secret_expires_at"] is None

    assert forget_previous_secrets() == 1

    assert (stored().previous_signing_secret, stored().previous_secret_expires_at) == (None, None)
    assert forget_previous_secrets() == 0


@pytest.mark.django_db(transaction=True)
def test_both_secrets_sign_during_the_overlap_and_only_the_new_one_afterwards(
    api: APIClient, tenant: Tenant, admin_actor: Actor, receiver: Receiver
) -> None:
    webhook = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="contact_form", url=receiver.url("/hook"))
    old = webhook.signing_secret.reveal()
    receiver.answer("/hook", body=f"I know {old}")
    new = api.post(f"{HOOK}/secret/rotate").json()["signing_secret"]
    with running_engine():
        call_webhook(webhook, {"n": 1})
        drain()
    Webhook.objects.update(previous_secret_expires_at=timezone.now())
    with running_engine():
        call_webhook(webhook, {"n": 2})
        drain()

    during, afterwards = receiver.wait_for(2)
    for secret in (old, new):
        assert Verifier(secret).verify(during.body, dict(during.headers.items())) == {"n": 1}
    assert len(during.headers["webhook-signature"].split()) == 2
    assert Verifier(new).verify(afterwards.body, dict(afterwards.headers.items())) == {"n": 2}
    assert len(afterwards.headers["webhook-signature"].split()) == 1
    assert WebhookCall.objects.order_by("id")[0].response_body == "I know ***"


# --- ed25519 --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_ed25519_webhook_is_verified_by_its_public_key(api: APIClient, tenant: Tenant, receiver: Receiver) -> None:
    body = {"workflow_name": "contact_form", "url": receiver.url("/hook"), "signature_scheme": "ed25519"}
    made = api.post(WEBHOOKS, body).json()
    assert made["signing_secret"].startswith("whsk_")
    assert made["public_key"].startswith("whpk_")
    assert api.get(f"{HOOK}/secret").json() == {
        "signing_secret": made["signing_secret"],
        "public_key": made["public_key"],
        "previous_secret_expires_at": None,
    }

    with running_engine():
        call_webhook(Webhook.objects.select_related("tenant").get(), {"n": 1})
        drain()

    (request,) = receiver.wait_for(1)
    assert request.headers["webhook-signature"].startswith("v1a,")
    assert verifies(made["public_key"], request)


@pytest.mark.django_db(transaction=True)
def test_changing_the_scheme_makes_a_new_secret_and_both_sign(
    api: APIClient, tenant: Tenant, admin_actor: Actor, receiver: Receiver
) -> None:
    webhook = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="contact_form", url=receiver.url("/hook"))
    shown = api.patch(HOOK, {"signature_scheme": "ed25519"})
    assert (shown.status_code, shown.json()["signature_scheme"]) == (200, "ed25519")
    assert shown.json()["previous_secret_expires_at"] is not None
    assert activity(tenant)[-1] == ("webhook.updated", "contact_form", ["signature_scheme", "signing_secret"])
    with running_engine():
        call_webhook(webhook, {"n": 1})
        drain()

    (request,) = receiver.wait_for(1)
    assert [part.partition(",")[0] for part in request.headers["webhook-signature"].split()] == ["v1a", "v1"]
    assert verifies(api.get(f"{HOOK}/secret").json()["public_key"], request)


def test_a_put_without_the_scheme_keeps_it(api: APIClient, tenant: Tenant, admin_actor: Actor) -> None:
    webhook = create_webhook(
        actor=admin_actor, tenant=tenant, workflow_name="contact_form", url=URL, signature_scheme="ed25519"
    )
    assert api.put(HOOK, {"url": URL, "description": "x"}).json()["signature_scheme"] == "ed25519"
    assert stored().signing_secret.reveal() == webhook.signing_secret.reveal()


def test_refuses_an_unknown_scheme(api: APIClient, webhook: Webhook) -> None:
    answer = api.patch(HOOK, {"signature_scheme": "rsa"})
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["signature_scheme"])


# --- Settings and state ---------------------------------------------------------------------------------------------


def test_the_platforms_default_schedule_is_given_to_webhooks_that_do_not_say_theirs(
    api: APIClient, tenant: Tenant, settings: Any
) -> None:
    settings.WEBHOOK_DEFAULT_RETRY_SCHEDULE = "quick"
    assert api.post(WEBHOOKS, {"workflow_name": "one", "url": URL}).json()["retry_schedule"] == "quick"
    body = {"workflow_name": "two", "url": URL, "retry_schedule": "durable"}
    assert api.post(WEBHOOKS, body).json()["retry_schedule"] == "durable"
    assert api.put(f"{WEBHOOKS}/two", {"url": URL}).json()["retry_schedule"] == "quick"


@pytest.mark.parametrize(("seconds", "state"), [(600, "open"), (-1, "half_open")])
def test_shows_the_breaker_and_resets_it(
    api: APIClient, tenant: Tenant, webhook: Webhook, seconds: float, state: str
) -> None:
    Targets().look_up([webhook.id])
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    WebhookRuntime.objects.update(
        consecutive_failures=10, breaker_opened_count=1, breaker_open_until=until, failing_since=now
    )

    for shown in (api.get(HOOK).json(), api.get(WEBHOOKS).json()["results"][0]):
        assert shown["breaker_state"] == state
        assert (shown["breaker_open_until"] is not None) == (state == "open")
        assert parse_datetime(shown["failing_since"]) == now

    answer = api.post(f"{HOOK}/breaker/reset")
    assert answer.status_code == 200
    assert (answer.json()["breaker_state"], answer.json()["failing_since"]) == ("closed", None)
    assert activity(tenant)[1:] == [("webhook.breaker_reset", "contact_form", [])]
    api.post(f"{HOOK}/breaker/reset")
    assert len(activity(tenant)) == 2
