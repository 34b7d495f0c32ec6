"""`Idempotency-Key` on POSTs: once done, then answered; for both audiences and for the platform itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, BoundedSemaphore, Event
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.api.idempotency import IdempotentPosts
from integrations.errors import InvalidInputError
from integrations.models import ActivityLog, IdempotencyAnswer, Tenant
from integrations.services.idempotency import BATCH, LEASE, Remembered, claim, forget_expired, release, remember
from tests.api.operations import tenant_views
from tests.receiver import Receiver
from webhooks.models import Delivery, Webhook
from webhooks.services.webhooks import create_webhook

WEBHOOKS = "/api/v1/webhooks"
LEADS = {"workflow_name": "leads", "url": "https://hooks.example.com/in"}
KEY = {"Idempotency-Key": "order 4711/create"}


def test_creates_once_and_answers_the_same_without_the_secret(tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api()
    first, again = client.post(WEBHOOKS, LEADS, headers=KEY), client.post(WEBHOOKS, LEADS, headers=KEY)

    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["signing_secret"].startswith("whsec_")
    assert again.json() == {**first.json(), "signing_secret": None, "public_key": None}
    assert "Idempotency-Replayed" not in first.headers
    assert again["Idempotency-Replayed"] == "true"
    assert first["Location"] == again["Location"] == f"{WEBHOOKS}/{first.json()['id']}"
    assert Webhook.objects.count() == 1
    assert ActivityLog.objects.filter(verb="webhook.created").count() == 1


def test_answers_with_the_object_as_it_is_now(tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api()
    made = client.post(WEBHOOKS, LEADS, headers=KEY).json()
    client.patch(f"{WEBHOOKS}/leads", {"description": "Changed"})

    again = client.post(WEBHOOKS, LEADS, headers=KEY).json()
    assert (again["id"], again["description"], again["version"]) == (made["id"], "Changed", 2)


def test_answers_404_when_what_was_made_is_gone(tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api()
    client.post(WEBHOOKS, LEADS, headers=KEY)
    client.delete(f"{WEBHOOKS}/leads")

    again = client.post(WEBHOOKS, LEADS, headers=KEY)
    assert again.status_code == 404
    assert again.json()["detail"] == "What was made with this idempotency key does not exist any more."
    assert Webhook.objects.count() == 0


def test_takes_the_order_of_members_for_the_same_request(tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api()
    client.post(WEBHOOKS, LEADS, headers=KEY)

    again = client.post(WEBHOOKS, dict(reversed(LEADS.items())), headers=KEY)
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (WEBHOOKS, {**LEADS, "description": "x"}),
        (f"{WEBHOOKS}?page=2", LEADS),
        (f"{WEBHOOKS}/leads/breaker/reset", LEADS),
    ],
    ids=["body", "query", "route"],
)
def test_refuses_a_key_of_another_request(path: str, body: Any, tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api()
    client.post(WEBHOOKS, LEADS, headers=KEY)

    answer = client.post(path, body, headers=KEY)
    assert answer.status_code == 409
    assert answer.json()["detail"] == "This idempotency key was used for another request: choose a new one."
    assert "Retry-After" not in answer.headers
    assert Webhook.objects.get().version == 1


def test_frees_the_key_when_the_request_is_refused(tenant_api: Callable[..., APIClient]) -> None:
    client = tenant_api()
    refused = client.post(WEBHOOKS, {**LEADS, "url": "nonsense"}, headers=KEY)

    assert refused.status_code == 422
    assert IdempotencyAnswer.objects.count() == 0
    assert client.post(WEBHOOKS, LEADS, headers=KEY).status_code == 201


def test_frees_the_key_when_the_request_fails(
    tenant_api: Callable[..., APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise ZeroDivisionError

    client = tenant_api()
    client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr("webhooks.api.webhooks.create_webhook", fail)
        assert client.post(WEBHOOKS, LEADS, headers=KEY).status_code == 500

    assert IdempotencyAnswer.objects.count() == 0
    assert client.post(WEBHOOKS, LEADS, headers=KEY).status_code == 201


def test_uses_up_no_key_for_who_may_not_do_it(tenant_api: Callable[..., APIClient]) -> None:
    assert tenant_api("webhooks:read").post(WEBHOOKS, LEADS, headers=KEY).status_code == 403
    assert IdempotencyAnswer.objects.count() == 0


@pytest.mark.parametrize("key", ["", " x", "ü", "x" * 256, "a\tb"])
def test_refuses_what_is_no_key(key: str, tenant_api: Callable[..., APIClient]) -> None:
    answer = tenant_api().post(WEBHOOKS, LEADS, HTTP_IDEMPOTENCY_KEY=key)

    assert answer.status_code == 422
    assert list(answer.json()["errors"]) == ["Idempotency-Key"]
    assert Webhook.objects.count() == 0


def test_keeps_tenants_and_audiences_apart(
    tenant: Tenant, other_tenant: Tenant, tenant_api: Callable[..., APIClient], api: APIClient
) -> None:
    answers = [
        tenant_api().post(WEBHOOKS, LEADS, headers=KEY),
        tenant_api(of=other_tenant).post(WEBHOOKS, LEADS, headers=KEY),
        api.post(f"/api/platform/tenants/{tenant.slug}/webhooks", {**LEADS, "workflow_name": "b"}, headers=KEY),
        api.post("/api/platform/tenants", {"name": "Third", "slug": "third"}, headers=KEY),
    ]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert not any("Idempotency-Replayed" in answer.headers for answer in answers)
    kept = IdempotencyAnswer.objects.values_list("tenant_id", "audience")
    assert set(kept) == {(tenant.id, "tenant"), (other_tenant.id, "tenant"), (tenant.id, "platform"), (None, "")}


def test_makes_a_tenant_once(api: APIClient, db: None) -> None:
    body = {"name": "Third", "slug": "third"}
    first, again = (api.post("/api/platform/tenants", body, headers=KEY) for _ in range(2))

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert Tenant.objects.filter(slug="third").count() == 1


def test_rotates_a_secret_once(tenant: Tenant, admin_actor: Actor, tenant_api: Callable[..., APIClient]) -> None:
    webhook = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="leads", url=LEADS["url"])
    client, address = tenant_api(), f"{WEBHOOKS}/leads/secret/rotate"
    first, again = client.post(address, headers=KEY), client.post(address, headers=KEY)

    assert again.json() == dict.fromkeys(first.json())
    webhook.refresh_from_db()
    assert webhook.signing_secret.reveal() == first.json()["signing_secret"]


def test_shows_the_changed_object_when_a_deed_is_repeated(
    tenant: Tenant, admin_actor: Actor, tenant_api: Callable[..., APIClient]
) -> None:
    create_webhook(actor=admin_actor, tenant=tenant, workflow_name="leads", url=LEADS["url"])
    client, address = tenant_api(), f"{WEBHOOKS}/leads/breaker/reset"
    first = client.post(address, headers=KEY).json()
    client.patch(f"{WEBHOOKS}/leads", {"description": "Changed"})

    again = client.post(address, headers=KEY)
    assert (again.status_code, again["Idempotency-Replayed"]) == (200, "true")
    assert again.json() == {**first, "description": "Changed", "version": 2, "updated_at": again.json()["updated_at"]}


def test_sends_a_test_call_once(
    tenant: Tenant, admin_actor: Actor, tenant_api: Callable[..., APIClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.services.waiting._places", BoundedSemaphore(0))  # nobody waits, nothing is sent
    monkeypatch.setattr("webhooks.services.calls.check_wait", lambda seconds: None)  # nor refused within a test
    create_webhook(actor=admin_actor, tenant=tenant, workflow_name="leads", url=LEADS["url"])
    client, address = tenant_api(), f"{WEBHOOKS}/leads/test"
    first, again = client.post(address, headers=KEY), client.post(address, headers=KEY)

    assert (first.status_code, again.status_code) == (202, 202)
    assert again.json() == first.json()
    assert Delivery.objects.count() == 1


def test_stores_no_body_and_no_secret(tenant_api: Callable[..., APIClient]) -> None:
    made = tenant_api().post(WEBHOOKS, {**LEADS, "auth_token": "a-token-of-the-receiver-0123"}, headers=KEY).json()
    kept = IdempotencyAnswer.objects.get()

    assert (kept.status_code, kept.object_id, kept.key) == (201, made["id"], KEY["Idempotency-Key"])
    assert kept.members == list(made)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Event, Event]]:
    """Hold the making of a webhook: give what says that it was reached, and what lets it go on."""
    reached, go_on = Event(), Event()

    def slowly(**given: Any) -> Webhook:
        reached.set()
        assert go_on.wait(10)
        return create_webhook(**given)

    monkeypatch.setattr("webhooks.api.webhooks.create_webhook", slowly)
    yield reached, go_on
    go_on.set()


def in_thread(deed: Callable[[], Any]) -> Any:
    try:
        return deed()
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_answers_409_with_a_time_to_wait_while_the_first_is_under_way(
    tenant_api: Callable[..., APIClient], held: tuple[Event, Event]
) -> None:
    client, other = tenant_api(), tenant_api()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_thread, lambda: client.post(WEBHOOKS, LEADS, headers=KEY))
        assert held[0].wait(10)
        meanwhile = other.post(WEBHOOKS, LEADS, headers=KEY)
        held[1].set()
        assert first.result().status_code == 201

    assert (meanwhile.status_code, meanwhile["Retry-After"]) == (409, "1")
    assert "under way" in meanwhile.json()["detail"]
    assert other.post(WEBHOOKS, LEADS, headers=KEY)["Idempotency-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_does_the_deed_once_when_twenty_ask_at_once(tenant_api: Callable[..., APIClient], receiver: Receiver) -> None:
    clients = [tenant_api() for _ in range(20)]
    barrier = Barrier(20)

    def post(client: APIClient) -> Any:
        barrier.wait(10)
        return client.post("/api/v1/api-keys", {"name": "n8n", "scopes": ["events:write"]}, headers=KEY)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda client: in_thread(lambda: post(client)), clients))

    done = [answer for answer in answers if answer.status_code == 201]
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len([answer for answer in done if "Idempotency-Replayed" not in answer.headers]) == 1
    assert len({answer.json()["id"] for answer in done}) == 1
    assert ActivityLog.objects.filter(verb="api_key.created", object_name="n8n").count() == 1


# --- The service ----------------------------------------------------------------------------------------------------


def claimed(tenant: Tenant, key: str = "k", fingerprint: str = "f") -> Any:
    return claim(tenant_id=tenant.id, audience="tenant", key=key, fingerprint=fingerprint)


def test_a_claim_is_free_again_when_its_time_is_over(tenant: Tenant) -> None:
    first = claimed(tenant)
    IdempotencyAnswer.objects.update(claimed_at=timezone.now() - LEASE - timedelta(seconds=1))
    second = claimed(tenant, fingerprint="other")
    remember(claim=first, status_code=201, object_id="first", members=[])
    remember(claim=second, status_code=201, object_id="second", members=["id"])
    release(claim=first)

    assert claimed(tenant, fingerprint="other") == Remembered(201, "second", ("id",))


def test_an_answer_is_forgotten_after_a_day(tenant: Tenant) -> None:
    remember(claim=claimed(tenant), status_code=201, object_id="x", members=[])
    claimed(tenant, key="young")
    IdempotencyAnswer.objects.filter(key="k").update(expires_at=timezone.now() - timedelta(seconds=1))

    assert forget_expired() == 1
    assert list(IdempotencyAnswer.objects.values_list("key", flat=True)) == ["young"]


def test_an_expired_answer_counts_as_none_before_it_is_forgotten(tenant: Tenant) -> None:
    remember(claim=claimed(tenant), status_code=201, object_id="x", members=[])
    IdempotencyAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert not isinstance(claimed(tenant, fingerprint="other"), Remembered)


def test_forgets_in_batches(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.services.idempotency.BATCH", 2)
    for number in range(5):
        claimed(tenant, key=str(number))
    IdempotencyAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert forget_expired() == 5
    assert BATCH == 5_000


def test_refuses_a_key_that_no_header_can_carry(tenant: Tenant) -> None:
    with pytest.raises(InvalidInputError):
        claimed(tenant, key="ü")


def test_every_post_of_a_tenant_takes_a_key() -> None:
    posting = {route: view for route, view in tenant_views() if hasattr(view, "post")}

    assert len(posting) >= 8
    assert [route for route, view in posting.items() if not issubclass(view, IdempotentPosts)] == []
