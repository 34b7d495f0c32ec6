"""Stored payloads lose what is redacted when their deliveries have ended, and are never sent again."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import ConflictError
from integrations.models import Tenant
from tests.lock_waits import waiting_for_locks
from tests.running_site import wait_until
from tests.webhooks.delivery_steps import due, failed, make_delivery, stored, waiting
from tests.webhooks.sending_steps import make_webhook
from webhooks.engine.webhook_sender import _load_contents
from webhooks.models import Delivery, Due, Payload, RedactionRule, Webhook
from webhooks.services import redacting
from webhooks.services.events import publish_event
from webhooks.services.redacting import mark_earlier_payloads, redact_finished
from webhooks.services.redaction_rules import create_redaction_rule, delete_redaction_rule, update_redaction_rule
from webhooks.services.retrying import retry_deliveries, retry_delivery

pytestmark = pytest.mark.django_db

PAYLOAD = '{"card":"4111","total":7}'
REDACTED = '{"card":"***","total":7}'


@pytest.fixture
def rule(webhook: Webhook, admin_actor: Actor) -> RedactionRule:
    return create_redaction_rule(actor=admin_actor, tenant=webhook.tenant, event_type="order.*", paths=["$.card"])


@pytest.fixture
def other_tenant_webhook(other_tenant: Tenant, admin_actor: Actor) -> Webhook:
    return make_webhook(other_tenant, admin_actor, "theirs")


def age(rule: RedactionRule, minutes: int = 3) -> None:
    """Let the rule have been changed some minutes ago."""
    RedactionRule.objects.filter(id=rule.id).update(changed_at=timezone.now() - timedelta(minutes=minutes))


def marked(delivery: Delivery, redaction: str = "pending") -> Delivery:
    Payload.objects.filter(id=delivery.event_id).update(redaction=redaction)
    return delivery


def payload(delivery: Delivery) -> tuple[str, str]:
    return Payload.objects.values_list("body", "redaction").get(id=delivery.event_id)


@pytest.mark.parametrize(
    ("event_type", "marked_as"),
    [("order.paid", "pending"), ("order.paid.late", "pending"), ("orders.paid", ""), ("order", ""), ("orderxpaid", "")],
)
def test_is_marked_when_it_is_accepted(webhook: Webhook, rule: RedactionRule, event_type: str, marked_as: str) -> None:
    accepted = publish_event(webhook.tenant, event_type, {"card": "4111"})
    assert Payload.objects.values_list("body", "redaction").get(id=accepted.event_id) == ('{"card":"4111"}', marked_as)


def test_star_marks_direct_calls_and_other_tenants_rules_mark_nothing(
    webhook: Webhook, other_tenant_webhook: Webhook, admin_actor: Actor
) -> None:
    create_redaction_rule(actor=admin_actor, tenant=webhook.tenant, event_type="*", paths=["$.card"])
    ours = publish_event(webhook.tenant, "a.b", {"card": 1})
    theirs = publish_event(other_tenant_webhook.tenant, "a.b", {"card": 1})
    assert Payload.objects.get(id=ours.event_id).redaction == "pending"
    assert Payload.objects.get(id=theirs.event_id).redaction == ""


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_what_has_ended_is_rewritten(webhook: Webhook, rule: RedactionRule, state: str) -> None:
    delivery = marked(failed(webhook, state=state, payload=PAYLOAD, event_type="order.paid"))
    assert redact_finished() == 1
    assert payload(delivery) == (REDACTED, "done")
    assert redact_finished() == 0


def test_what_still_has_to_be_sent_stays_whole_until_the_last_delivery_has_ended(
    webhook: Webhook, rule: RedactionRule, admin_actor: Actor
) -> None:
    second = make_webhook(webhook.tenant, admin_actor, "second")
    first_delivery = marked(failed(webhook, payload=PAYLOAD, event_type="order.paid", state="succeeded"))
    other = make_delivery(second, payload=None, state="held")
    Delivery.objects.filter(id=other.id).update(event_id=first_delivery.event_id)
    assert redact_finished() == 0
    assert payload(first_delivery) == (PAYLOAD, "pending")
    Delivery.objects.filter(id=other.id).update(state="failed")
    assert redact_finished() == 1
    assert payload(first_delivery) == (REDACTED, "done")


def test_what_holds_nothing_to_hide_is_unmarked_and_can_be_sent_again(
    webhook: Webhook, rule: RedactionRule, admin_actor: Actor
) -> None:
    delivery = marked(failed(webhook, payload='{"total":7}', event_type="order.paid"))
    assert redact_finished() == 0
    assert payload(delivery) == ('{"total":7}', "")
    retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    assert due(delivery) is not None


def test_a_deleted_rule_takes_nothing_out_any_more(webhook: Webhook, rule: RedactionRule, admin_actor: Actor) -> None:
    delivery = marked(failed(webhook, payload=PAYLOAD, event_type="order.paid"))
    delete_redaction_rule(actor=admin_actor, tenant=webhook.tenant, rule_id=rule.id)
    assert redact_finished() == 0
    assert payload(delivery) == (PAYLOAD, "")


@pytest.mark.parametrize("state", ["done", "again"])
def test_what_was_redacted_is_not_sent_again(
    webhook: Webhook, rule: RedactionRule, admin_actor: Actor, state: str
) -> None:
    delivery = marked(failed(webhook, payload=REDACTED, event_type="order.paid"), state)
    with pytest.raises(ConflictError, match="was redacted when it had been delivered: publish the event anew"):
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
    answer = retry_deliveries(actor=admin_actor, tenant=webhook.tenant, delivery_ids=[delivery.id])
    assert (answer.retried, list(answer.refused)) == ([], [delivery.id])
    assert (stored(delivery).run, due(delivery)) == (1, None)


def test_an_engine_does_not_send_a_redacted_payload(webhook: Webhook) -> None:
    whole = make_delivery(webhook, payload=PAYLOAD)
    redacted = marked(make_delivery(webhook, payload=REDACTED), "done")
    assert list(_load_contents([whole.event_id, redacted.event_id])) == [whole.event_id]


def test_what_was_accepted_before_the_rule_is_marked_and_redacted(webhook: Webhook, admin_actor: Actor) -> None:
    old = failed(webhook, age=timedelta(days=2), payload=PAYLOAD, event_type="order.paid")
    other = failed(webhook, age=timedelta(days=1), payload=PAYLOAD, event_type="invoice.paid")
    rule = create_redaction_rule(actor=admin_actor, tenant=webhook.tenant, event_type="order.*", paths=["$.card"])
    assert mark_earlier_payloads() == 0  # who accepts at this moment may not have seen the rule
    age(rule)
    assert mark_earlier_payloads() == 1
    assert RedactionRule.objects.get().marked_up_to is None
    assert redact_finished() == 1
    assert (payload(old), payload(other)) == ((REDACTED, "done"), (PAYLOAD, ""))


def test_marking_goes_on_where_it_was_interrupted(
    webhook: Webhook, rule: RedactionRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redacting, "MARKED_AT_ONCE", 2)
    days = [timedelta(days=days) for days in (5, 4, 3, 2, 1)]
    deliveries = [failed(webhook, age=day, payload=PAYLOAD, event_type="order.paid") for day in days]
    age(rule)
    assert [mark_earlier_payloads() for _ in range(4)] == [2, 2, 1, 0]
    assert {payload(delivery)[1] for delivery in deliveries} == {"pending"}


def test_a_changed_rule_redacts_what_is_stored_further_and_forgets_nothing(
    webhook: Webhook, rule: RedactionRule, admin_actor: Actor
) -> None:
    delivery = marked(failed(webhook, payload=PAYLOAD, event_type="order.paid"))
    redact_finished()
    update_redaction_rule(actor=admin_actor, tenant=webhook.tenant, rule_id=rule.id, changes={"paths": ["$.total"]})
    age(rule)
    assert mark_earlier_payloads() == 1
    assert payload(delivery) == (REDACTED, "again")
    redact_finished()
    assert payload(delivery) == ('{"card":"***","total":"***"}', "done")


def test_a_changed_rule_that_finds_nothing_leaves_it_redacted(
    webhook: Webhook, rule: RedactionRule, admin_actor: Actor
) -> None:
    delivery = marked(failed(webhook, payload=REDACTED, event_type="order.paid"), "again")
    update_redaction_rule(actor=admin_actor, tenant=webhook.tenant, rule_id=rule.id, changes={"paths": ["$.none"]})
    redact_finished()
    assert payload(delivery) == (REDACTED, "done")


def test_several_batches_of_several_tenants(
    webhook: Webhook,
    rule: RedactionRule,
    other_tenant_webhook: Webhook,
    admin_actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redacting, "BATCH", 2)
    create_redaction_rule(
        actor=admin_actor, tenant=other_tenant_webhook.tenant, event_type="order.paid", paths=["$.total"]
    )
    ours = [marked(failed(webhook, payload=PAYLOAD, event_type="order.paid")) for _ in range(3)]
    theirs = [marked(failed(other_tenant_webhook, payload=PAYLOAD, event_type="order.paid")) for _ in range(3)]
    assert redact_finished() == 6
    assert {payload(delivery)[0] for delivery in ours} == {REDACTED}
    assert {payload(delivery)[0] for delivery in theirs} == {'{"card":"4111","total":"***"}'}


@pytest.mark.django_db(transaction=True)
def test_redacting_waits_for_who_sends_it_again_and_leaves_it_whole(
    webhook: Webhook, rule: RedactionRule, admin_actor: Actor
) -> None:
    delivery = marked(failed(webhook, payload=PAYLOAD, event_type="order.paid"))
    redacted: list[int] = []

    def redact() -> None:
        redacted.append(redact_finished())
        connection.close()

    with transaction.atomic():
        retry_delivery(actor=admin_actor, tenant=webhook.tenant, delivery_id=delivery.id)
        thread = threading.Thread(target=redact)
        thread.start()
        wait_until(waiting_for_locks, "the redaction waits for the lock")
    thread.join(10)
    assert redacted == [0]
    assert payload(delivery) == (PAYLOAD, "pending")
    assert Due.objects.filter(delivery_id=delivery.id).exists()


def test_one_that_waits_for_a_retry_is_not_touched(webhook: Webhook, rule: RedactionRule) -> None:
    delivery = marked(waiting(webhook, payload=PAYLOAD, event_type="order.paid"))
    assert redact_finished() == 0
    assert payload(delivery) == (PAYLOAD, "pending")
