"""Receivers in the admin: added in two steps, each secret shown once, what was received."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import ActivityLog, Tenant, User
from integrations.platform_roles import PlatformRole
from tests.integrations.providers.senders import SENDERS
from webhooks.models import InboundRequest, Receiver, ReceiverCount
from webhooks.services.receivers import create_receiver

pytestmark = pytest.mark.django_db

ADD = "/admin/webhooks/receiver/add/"
LIST = "/admin/webhooks/receiver/"
FORM = {"name": "ours", "is_active": "on", "event_types": "", "allowed_networks": "", "rate_limit_per_minute": ""}
OPTIONS = {"scheme", "header", "hash", "encoding", "prefix", "timestamp_header", "id_header", "type_header"}


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


@pytest.fixture
def auditor_client(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_user("audrey", is_staff=True, platform_role=PlatformRole.AUDITOR))
    return client


@pytest.fixture
def receiver(tenant: Tenant, admin_actor: Actor) -> Receiver:
    return create_receiver(actor=admin_actor, tenant=tenant, provider="github", name="ours")


def add_page(tenant: Tenant, provider: str) -> str:
    return f"{ADD}?tenant={tenant.pk}&provider={provider}"


def page(receiver: Receiver, name: str = "change") -> str:
    return reverse(f"admin:webhooks_receiver_{name}", args=[receiver.pk])


def verbs() -> list[str]:
    return list(ActivityLog.objects.filter(object_kind="receiver").order_by("id").values_list("verb", flat=True))


def errors_of(answer: Any) -> dict[str, list[str]]:
    return {name: list(reasons) for name, reasons in answer.context["adminform"].form.errors.items()}


def received(receiver: Receiver, state: str, **fields: Any) -> InboundRequest:
    return InboundRequest.objects.create(
        tenant_id=receiver.tenant_id, receiver=receiver, state=state, url=receiver.address, **fields
    )


def test_asks_first_for_the_tenant_and_the_sender(admin_client: Client, tenant: Tenant) -> None:
    text = admin_client.get(ADD).content.decode()
    assert "GitHub" in text
    assert 'name="secret"' not in text
    assert "Use at least" not in admin_client.get(add_page(tenant, "fax")).content.decode()


def test_adds_through_the_service_and_shows_what_is_entered_at_the_sender_once(
    admin_client: Client, tenant: Tenant
) -> None:
    answer = admin_client.post(
        add_page(tenant, "github"),
        {**FORM, "event_types": "github.push\ngithub.release.*", "allowed_networks": "192.0.2.0/24"},
    )
    assert answer.status_code == 200, errors_of(answer)
    assert "no-store" in answer["Cache-Control"]
    made = Receiver.objects.get()
    text = answer.content.decode()
    assert made.secret.reveal() in text
    assert f"/api/webhooks/in/{made.pk}" in text
    assert "On GitHub open" in text
    assert (made.event_types, made.allowed_networks) == (["github.push", "github.release.*"], ["192.0.2.0/24"])
    assert made.secret.reveal() not in admin_client.get(page(made)).content.decode()
    assert verbs() == ["receiver.created"]


def test_takes_the_providers_secret_and_shows_the_verify_token(admin_client: Client, tenant: Tenant) -> None:
    answer = admin_client.post(add_page(tenant, "whatsapp"), {**FORM, "secret": SENDERS["whatsapp"].secret})
    made = Receiver.objects.get()
    assert made.verify_token.reveal() in answer.content.decode()
    assert made.secret.reveal() == SENDERS["whatsapp"].secret


def test_takes_the_method_by_which_vonage_signs(admin_client: Client, tenant: Tenant) -> None:
    given = {**FORM, "secret": SENDERS["vonage"].secret, "option_signature_method": "sha512"}
    answer = admin_client.post(add_page(tenant, "vonage"), given)
    assert "Any format of webhooks" in answer.content.decode()
    assert Receiver.objects.get().options == {"signature_method": "sha512"}


@pytest.mark.parametrize(
    ("provider", "fields", "wrong"),
    [
        ("github", {"name": "Not A Name"}, "name"),
        ("github", {"event_types": "No Type"}, "event_types"),
        ("github", {"allowed_networks": "somewhere"}, "allowed_networks"),
        ("github", {"rate_limit_per_minute": "0"}, "rate_limit_per_minute"),
        ("slack", {}, "secret"),
        ("slack", {"secret": "too short"}, "secret"),
        ("custom", {"option_scheme": "hmac"}, "option_header"),
        ("custom", {"option_scheme": "hmac", "option_header": "not a header"}, "option_header"),
        ("custom", {"option_hash": "sha1"}, "option_hash"),
        ("custom", {"option_scheme": "fax"}, "option_scheme"),
        ("vonage", {"secret": "secret-of-vonage", "option_signature_method": "sha3"}, "option_signature_method"),
    ],
)
def test_shows_bad_input_at_its_field_and_stores_nothing(
    admin_client: Client, tenant: Tenant, provider: str, fields: dict[str, str], wrong: str
) -> None:
    answer = admin_client.post(add_page(tenant, provider), {**FORM, **fields})
    assert answer.status_code == 200
    assert list(errors_of(answer)) == [wrong]
    assert Receiver.objects.count() == 0
    assert verbs() == []


def test_a_name_that_is_taken_is_refused_on_the_form(admin_client: Client, tenant: Tenant, receiver: Receiver) -> None:
    answer = admin_client.post(add_page(tenant, "github"), FORM)
    assert "This tenant has a receiver ours already" in answer.content.decode()
    assert Receiver.objects.count() == 1


def test_asks_for_options_only_where_the_sender_has_some(admin_client: Client, tenant: Tenant) -> None:
    asked = admin_client.get(add_page(tenant, "custom")).context["adminform"].form.fields
    assert {name for name in asked if name.startswith("option_")} == {f"option_{name}" for name in OPTIONS}
    asked = admin_client.get(add_page(tenant, "github")).context["adminform"].form.fields
    assert [name for name in asked if name.startswith("option_")] == []


def test_options_are_stored_and_changed(admin_client: Client, tenant: Tenant) -> None:
    options = {"option_scheme": "hmac", "option_header": "X-Signature", "option_prefix": "sha256="}
    admin_client.post(add_page(tenant, "custom"), {**FORM, **options})
    made = Receiver.objects.get()
    assert made.options == {"scheme": "hmac", "header": "X-Signature", "prefix": "sha256="}
    answer = admin_client.post(page(made), {**FORM, **options, "option_prefix": ""})
    assert answer.status_code == 302
    made.refresh_from_db()
    assert (made.options, made.version) == ({"scheme": "hmac", "header": "X-Signature"}, 2)


def test_saving_an_untouched_form_changes_nothing(admin_client: Client, receiver: Receiver) -> None:
    assert admin_client.post(page(receiver), FORM).status_code == 302
    assert Receiver.objects.get().version == 1
    assert verbs() == ["receiver.created"]


def test_rotates_and_shows_the_new_secret_once(admin_client: Client, receiver: Receiver) -> None:
    before = receiver.secret.reveal()
    assert admin_client.get(page(receiver, "rotate")).status_code == 200
    assert Receiver.objects.get().version == 1
    answer = admin_client.post(page(receiver, "rotate"), {"secret": ""})
    stored = Receiver.objects.get()
    text = answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert stored.secret.reveal() in text
    assert before not in text
    until = f"{stored.previous_secret_expires_at:%Y-%m-%d %H:%M:%S} UTC"
    assert until in text
    assert f"as well until {until}" in admin_client.get(page(stored)).content.decode()
    assert verbs() == ["receiver.created", "receiver.secret_rotated"]


def test_rotation_asks_for_the_providers_new_secret(admin_client: Client, tenant: Tenant, admin_actor: Actor) -> None:
    slack = SENDERS["slack"]
    receiver = create_receiver(actor=admin_actor, tenant=tenant, provider="slack", name="chat", secret=slack.secret)
    for given in ("", "too short"):
        answer = admin_client.post(page(receiver, "rotate"), {"secret": given})
        assert list(answer.context["form"].errors) == ["secret"]
    assert Receiver.objects.get().version == 1
    admin_client.post(page(receiver, "rotate"), {"secret": slack.other_secret})
    assert Receiver.objects.get().secret.reveal() == slack.other_secret


@pytest.mark.hand_made_ciphertext
def test_a_secret_that_no_longer_opens_is_said_and_mended_by_rotating(admin_client: Client, receiver: Receiver) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_receiver SET secret = overlay(secret placing 'AAAA' from length(secret) - 12)")
    assert "cannot be read: rotate it" in admin_client.get(page(receiver)).content.decode()
    answer = admin_client.post(page(receiver, "rotate"), {"secret": ""})
    stored = Receiver.objects.get()
    assert stored.secret.reveal() in answer.content.decode()
    assert (stored.previous_secret, stored.previous_secret_expires_at) == (None, None)


def test_deletes_through_the_service_without_listing_what_goes_with_it(
    admin_client: Client, receiver: Receiver
) -> None:
    request = received(receiver, "published")
    text = admin_client.get(page(receiver, "delete")).content.decode()
    assert "ours of Acme, with its counts and stored requests" in text
    assert str(request.pk) not in text
    assert admin_client.post(page(receiver, "delete"), {"post": "yes"}).status_code == 302
    assert (Receiver.objects.count(), InboundRequest.objects.count()) == (0, 0)
    assert verbs() == ["receiver.created", "receiver.deleted"]


def test_lists_the_counts_of_a_day_and_when_something_came_last(admin_client: Client, receiver: Receiver) -> None:
    now = timezone.now()
    hour = now.replace(minute=0, second=0, microsecond=0)
    for at, outcome, requests in (
        (hour, "accepted", 40),
        (hour - timedelta(hours=3), "accepted", 2),
        (hour - timedelta(hours=30), "accepted", 500),
        (hour, "duplicate", 3),
        (hour, "signature", 5),
        (hour, "too_large", 1),
    ):
        ReceiverCount.objects.create(
            tenant_id=receiver.tenant_id, receiver=receiver, hour=at, outcome=outcome, requests=requests
        )
    received(receiver, "published")
    (row,) = admin_client.get(LIST).context["cl"].result_list
    assert (row.accepted, row.duplicates, row.refused) == (42, 3, 6)
    assert (now - timedelta(minutes=1)) < row.last < (now + timedelta(minutes=1))
    text = admin_client.get(page(receiver)).content.decode()
    assert 'aria-label="542 accepted, 3 repeated or ignored, 6 refused, over 30 days"' in text
    assert "Refused: wrong signature" in text
    assert "Refused: old timestamp" not in text


def test_shows_the_last_requests_without_their_bodies(admin_client: Client, receiver: Receiver) -> None:
    event_id = str(uuid7())
    received(receiver, "published", event_ids=[event_id])
    received(
        receiver, "refused", detail="The <body> is no JSON.", body=b"never-to-be-shown", headers={"x-a": "nor-this"}
    )
    text = admin_client.get(page(receiver)).content.decode()
    assert "The &lt;body&gt; is no JSON." in text
    link = f"/admin/webhooks/delivery/?event_id={event_id}"
    assert link in text
    assert admin_client.get(link).status_code == 200
    assert "never-to-be-shown" not in text
    assert "nor-this" not in text


def test_auditors_see_counts_and_neither_secrets_nor_buttons(
    auditor_client: Client, tenant: Tenant, admin_actor: Actor
) -> None:
    receiver = create_receiver(
        actor=admin_actor,
        tenant=tenant,
        provider="custom",
        name="ours",
        options={"scheme": "token", "header": "X-Token"},
    )
    text = auditor_client.get(page(receiver)).content.decode()
    assert "scheme: token, header: X-Token" in text
    assert receiver.secret.reveal() not in text
    assert "Rotate secret" not in text
    assert "_save" not in text
    assert auditor_client.get(page(receiver, "rotate")).status_code == 403
    assert auditor_client.post(page(receiver, "rotate"), {"secret": ""}).status_code == 403
    assert auditor_client.post(page(receiver), {**FORM, "name": "theirs"}).status_code == 403
    assert auditor_client.get(add_page(tenant, "github")).status_code == 403
    assert auditor_client.post(page(receiver, "delete"), {"post": "yes"}).status_code == 403
    stored = Receiver.objects.get()
    assert (stored.name, stored.version) == ("ours", 1)
