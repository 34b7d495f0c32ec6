from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from integrations.activity.actor import Actor
from integrations.egress.destination import header_lines
from integrations.encryption.errors import KeyNotAtHandError
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.services.tenants import update_tenant
from tests.webhooks.webhook_steps import TOKEN, make_n8n, update
from webhooks.engine import webhook_targets
from webhooks.engine.webhook_targets import Target, Targets
from webhooks.models import Webhook, WebhookStats
from webhooks.services.webhooks import create_webhook


@pytest.fixture
def targets() -> Targets:
    return Targets()


def target(targets: Targets, webhook: Webhook) -> Target:
    found = targets.look_up([webhook.id])[webhook.id].target
    assert found is not None
    return found


def test_look_up_returns_what_is_needed_to_send(tenant: Tenant, admin_actor: Actor, targets: Targets) -> None:
    webhook = create_webhook(
        actor=admin_actor,
        tenant=tenant,
        workflow_name="hook",
        url="https://Example.com/in",
        auth_token="bearer-token",
        headers={"X-Key": "key-value"},
        retry_schedule="quick",
        max_retries=1,
        timeout_ms=5000,
        max_concurrency=3,
        payload_format="standard",
    )

    found = target(targets, webhook)

    assert found.destination.url == "https://example.com/in"
    common = {"Content-Type": "application/json", "X-Signalbox-Workflow": webhook.workflow_name}
    assert found.header_lines == header_lines(
        {**common, "User-Agent": "Signalbox", "X-Key": "key-value", "Authorization": "Bearer bearer-token"}
    )
    assert found.shown_headers == {**common, "User-Agent": "Signalbox", "X-Key": "***", "Authorization": "Bearer ***"}
    assert "bearer-token" not in repr(found)
    assert (found.schedule, found.max_retries, found.timeout_ms, found.places) == ((1, 2, 3), 1, 5000, 3)
    assert (found.is_enveloped, found.problem) == (True, None)
    assert len(found.signing_keys) == 1
    assert found.redactor.clean("bearer-token key-value") == "*** ***"
    assert found.redactor.clean(webhook.signing_secret.reveal()) == "***"


def test_look_up_leaves_out_what_does_not_exist(db: None, targets: Targets) -> None:
    assert targets.look_up([uuid7()]) == {}


def test_look_up_sees_a_change_of_the_webhook_at_once(webhook: Webhook, admin_actor: Actor, targets: Targets) -> None:
    before = target(targets, webhook)

    update(webhook, admin_actor, url="https://example.org/new")

    assert before is not target(targets, webhook)
    assert target(targets, webhook).destination.url == "https://example.org/new"


def test_look_up_sees_at_once_that_webhook_or_tenant_was_disabled(
    webhook: Webhook, tenant: Tenant, admin_actor: Actor, targets: Targets
) -> None:
    target(targets, webhook)
    update_tenant(actor=admin_actor, tenant=tenant, is_active=False)
    assert targets.look_up([webhook.id])[webhook.id].is_tenant_active is False

    Webhook.objects.filter(id=webhook.id).update(is_active=False)
    assert targets.look_up([webhook.id])[webhook.id].is_active is False


def test_look_up_keeps_what_it_read_for_a_moment_only(
    tenant: Tenant, admin_actor: Actor, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    integration = make_n8n(tenant, admin_actor)
    webhook = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="lead_in")
    assert target(targets, webhook).destination.url == "https://n8n.example.com/webhook/acme/lead-in"
    integration.config = {**integration.config, "base_url": "https://new.example.com"}
    integration.save()

    with CaptureQueriesContext(connection) as queries:
        assert target(targets, webhook).destination.url == "https://n8n.example.com/webhook/acme/lead-in"
    assert len(queries) == 0  # nothing is read again (Django's log does not hear of the engine's own statements)
    monkeypatch.setattr(webhook_targets, "KEPT_SECONDS", 0.0)
    assert target(targets, webhook).destination.url == "https://new.example.com/acme/lead-in"


def test_look_up_takes_the_same_number_of_statements_for_many_webhooks(
    tenant: Tenant, admin_actor: Actor, targets: Targets
) -> None:
    made = [
        create_webhook(actor=admin_actor, tenant=tenant, workflow_name=f"hook-{number}", url="https://example.com/")
        for number in range(6)
    ]
    Targets().look_up([webhook.id for webhook in made])  # data key and totals
    with CaptureQueriesContext(connection) as for_one:
        targets.look_up([made[0].id])
    with CaptureQueriesContext(connection) as for_many:
        targets.look_up([webhook.id for webhook in made[1:]])

    assert len(for_many) == len(for_one)


def test_look_up_gives_a_new_webhook_its_totals(webhook: Webhook, targets: Targets) -> None:
    WebhookStats.objects.all().delete()

    targets.look_up([webhook.id])
    targets.look_up([webhook.id])

    row = WebhookStats.objects.get()
    assert (row.webhook_id, row.tenant_id, row.total_calls) == (webhook.id, webhook.tenant_id, 0)


def test_a_tampered_secret_is_a_problem_of_the_webhook(webhook: Webhook, targets: Targets) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhook SET auth_token = signing_secret WHERE id = %s", [webhook.id])

    problem = target(targets, webhook).problem

    assert problem is not None
    assert (problem.kind, "cannot be read" in problem.message) == ("configuration", True)


def test_an_address_that_cannot_be_derived_is_a_problem_of_the_webhook(webhook: Webhook, targets: Targets) -> None:
    webhook.url = None
    webhook.save(update_fields=["url"])

    problem = target(targets, webhook).problem

    assert problem is not None
    assert (problem.kind, "n8n" in problem.message) == ("configuration", True)


def test_an_address_that_is_no_longer_allowed_is_a_problem_of_the_webhook(
    webhook: Webhook, targets: Targets, settings: Any
) -> None:
    webhook.url = "http://10.0.0.1/"
    webhook.save(update_fields=["url"])

    problem = target(targets, webhook).problem

    assert problem is not None
    assert (problem.kind, "private" in problem.message) == ("refused", True)


def test_without_the_key_a_webhook_has_no_target_and_no_fault(
    webhook: Webhook, targets: Targets, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_key(_: Webhook) -> str:
        raise KeyNotAtHandError("the master key abc is not at hand")

    monkeypatch.setattr(webhook_targets, "target_url", no_key)

    state = targets.look_up([webhook.id])[webhook.id]

    assert (state.target, state.has_fault) == (None, False)
    assert "webhook_key_not_at_hand" in caplog.text


def test_a_fault_in_one_webhook_does_not_keep_the_others_from_being_loaded(
    tenant: Tenant, webhook: Webhook, admin_actor: Actor, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = create_webhook(actor=admin_actor, tenant=tenant, workflow_name="good", url="https://example.com/")

    def url_or_fault(webhook: Webhook) -> str:
        if webhook.workflow_name != "good":
            raise ZeroDivisionError
        return "https://example.com/"

    monkeypatch.setattr(webhook_targets, "target_url", url_or_fault)

    states = targets.look_up([webhook.id, good.id])

    assert states[good.id].target is not None
    assert (states[webhook.id].target, states[webhook.id].has_fault) == (None, True)
    assert TOKEN not in repr(states)
