"""Recovery: sending again, in the background, everything that failed at a webhook."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.errors import ConflictError, InvalidInputError, NotFoundError
from integrations.models import ActivityLog, Tenant
from tests.webhooks.delivery_steps import due, failed, make_delivery, stored
from tests.webhooks.webhook_steps import URL, update
from webhooks.errors import TenantInactive, WebhookInactive
from webhooks.models import Delivery, Due, Recovery, Webhook
from webhooks.services import recovering
from webhooks.services.recovering import advance_recoveries, progress, start_recovery, stop_recovery
from webhooks.services.webhooks import create_webhook, delete_webhook

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def start(webhook: Webhook, actor: Actor, *, back: timedelta = 2 * HOUR) -> Recovery:
    return start_recovery(
        actor=actor, tenant=webhook.tenant, webhook_id=webhook.id, since=timezone.now() - back, until=None
    )


def now_of(recovery: Recovery) -> Recovery:
    return Recovery.objects.get(id=recovery.id)


def test_sends_what_failed_in_that_time_again_and_nothing_else(webhook: Webhook, admin_actor: Actor) -> None:
    other = create_webhook(actor=admin_actor, tenant=webhook.tenant, workflow_name="other", url=URL)
    old, first, second = failed(webhook, age=3 * HOUR), failed(webhook, age=HOUR), failed(webhook)
    spared = [
        old,
        failed(webhook, state="succeeded"),
        failed(webhook, state="cancelled"),
        make_delivery(webhook, state="held"),
        failed(other, age=HOUR),
    ]
    recovery = start(webhook, admin_actor)
    assert advance_recoveries() == 2
    assert [stored(row).run for row in (first, second)] == [2, 2]
    assert sorted(Due.objects.values_list("delivery_id", flat=True)) == [first.id, second.id]
    assert [stored(row).run for row in spared] == [1] * 5
    ended = now_of(recovery)
    assert (ended.state, ended.retried, ended.skipped) == ("done", 2, 0)
    assert ended.finished_at is not None
    assert progress(ended) == 1.0
    assert advance_recoveries() == 0


def test_counts_what_has_lost_its_payload(webhook: Webhook, admin_actor: Actor) -> None:
    gone = failed(webhook, payload=None)
    recovery = start(webhook, admin_actor)
    assert advance_recoveries() == 0
    assert (now_of(recovery).retried, now_of(recovery).skipped) == (0, 1)
    assert stored(gone).state == "failed"


def test_goes_on_where_it_stopped_a_slice_at_a_time(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, max_concurrency=1)  # a first slice of four
    rows = [failed(webhook, age=timedelta(minutes=20 - at)) for at in range(10)]
    recovery = start(webhook, admin_actor)
    assert advance_recoveries() == 4
    assert [due(row) is not None for row in rows] == [True] * 4 + [False] * 6
    assert now_of(recovery).position == rows[3].id
    assert 0.8 < progress(now_of(recovery)) < 0.9


def test_holds_up_no_other_when_the_database_refuses_a_slice(webhook: Webhook, admin_actor: Actor) -> None:
    other = create_webhook(actor=admin_actor, tenant=webhook.tenant, workflow_name="other", url=URL)
    refused, sent = failed(webhook), failed(other)
    broken, sound = start(webhook, admin_actor), start(other, admin_actor)
    Recovery.objects.filter(id=broken.id).update(retried=2**63 - 1)
    assert advance_recoveries() == 1
    assert (now_of(broken).state, stored(refused).state) == ("running", "failed")
    assert (now_of(sound).state, stored(sent).state) == ("done", "pending")


def test_lets_no_more_in_while_the_queue_is_full(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, max_concurrency=1)
    for at in range(10):
        failed(webhook, age=timedelta(minutes=20 - at))
    start(webhook, admin_actor)
    assert [advance_recoveries() for _ in range(3)] == [4, 0, 0]
    Due.objects.all().delete()  # the endpoint got through all of them
    assert advance_recoveries() == 4


def test_grows_when_the_endpoint_keeps_up(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, max_concurrency=1)
    for at in range(30):
        failed(webhook, age=timedelta(minutes=50 - at))
    start(webhook, admin_actor)
    sent = []
    for _ in range(4):
        sent.append(advance_recoveries())
        Due.objects.all().delete()
    assert sent == [4, 8, 16, 2]


def test_does_not_read_all_of_history_at_once(
    webhook: Webhook, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovering, "MOST_READ", 3)
    for at in range(5):
        failed(webhook, state="succeeded", age=timedelta(minutes=20 - at))
    last = failed(webhook, age=timedelta(minutes=5))
    recovery = start(webhook, admin_actor)
    assert advance_recoveries() == 0
    assert now_of(recovery).state == "running"
    assert advance_recoveries() == 1
    assert stored(last).run == 2
    assert advance_recoveries() == 0
    assert now_of(recovery).state == "done"


def test_does_not_send_again_what_fails_again_meanwhile(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, max_concurrency=1)
    rows = [failed(webhook, age=timedelta(minutes=20 - at)) for at in range(6)]
    start(webhook, admin_actor)
    advance_recoveries()
    Due.objects.all().delete()
    Delivery.objects.filter(id=rows[0].id).update(state="failed")
    assert advance_recoveries() == 2
    assert stored(rows[0]).run == 2


def test_stops_where_it_is(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, max_concurrency=1)
    rows = [failed(webhook, age=timedelta(minutes=20 - at)) for at in range(6)]
    recovery = start(webhook, admin_actor)
    advance_recoveries()
    for _ in range(2):  # again: nothing changes
        stop_recovery(actor=admin_actor, tenant=webhook.tenant, recovery_id=recovery.id)
    Due.objects.all().delete()
    assert advance_recoveries() == 0
    assert stored(rows[5]).run == 1
    stopped = now_of(recovery)
    assert (stopped.state, stopped.retried, stopped.reason) == ("stopped", 4, f"Stopped by {admin_actor.name}.")
    verbs = ActivityLog.objects.filter(verb__startswith="webhook.recovery").order_by("id")
    assert list(verbs.values_list("verb", flat=True)) == ["webhook.recovery_started", "webhook.recovery_stopped"]


def test_stops_when_the_webhook_is_disabled(webhook: Webhook, admin_actor: Actor) -> None:
    failed(webhook)
    recovery = start(webhook, admin_actor)
    update(webhook, admin_actor, is_active=False)
    assert advance_recoveries() == 0
    assert (now_of(recovery).state, now_of(recovery).reason) == ("stopped", "The webhook was disabled.")


def test_rests_while_the_tenant_is_inactive(webhook: Webhook, admin_actor: Actor) -> None:
    failed(webhook)
    recovery = start(webhook, admin_actor)
    Tenant.objects.filter(id=webhook.tenant_id).update(is_active=False)
    assert advance_recoveries() == 0
    assert now_of(recovery).state == "running"
    Tenant.objects.filter(id=webhook.tenant_id).update(is_active=True)
    assert advance_recoveries() == 1


def test_is_gone_with_its_webhook(webhook: Webhook, admin_actor: Actor) -> None:
    start(webhook, admin_actor)
    delete_webhook(actor=admin_actor, tenant=webhook.tenant, webhook_id=webhook.id)
    assert Recovery.objects.count() == 0


def test_refuses_a_second_one_while_one_runs(webhook: Webhook, admin_actor: Actor) -> None:
    start(webhook, admin_actor)
    with pytest.raises(ConflictError, match="is running"):
        start(webhook, admin_actor)
    assert Recovery.objects.count() == 1


def test_refuses_a_time_that_makes_no_sense(webhook: Webhook, admin_actor: Actor) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        start(webhook, admin_actor, back=-HOUR)
    assert list(refusal.value.errors) == ["since"]
    assert Recovery.objects.count() == 0


def test_refuses_a_disabled_webhook_an_inactive_tenant_and_a_stranger(
    webhook: Webhook, other_tenant: Tenant, admin_actor: Actor
) -> None:
    with pytest.raises(NotFoundError):
        start_recovery(actor=admin_actor, tenant=other_tenant, webhook_id=webhook.id, since=timezone.now() - HOUR)
    Tenant.objects.filter(id=webhook.tenant_id).update(is_active=False)
    with pytest.raises(TenantInactive):
        start(webhook, admin_actor)
    Tenant.objects.filter(id=webhook.tenant_id).update(is_active=True)
    update(webhook, admin_actor, is_active=False)
    with pytest.raises(WebhookInactive):
        start(webhook, admin_actor)
    assert Recovery.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_sends_each_once_when_several_tasks_run_at_once(webhook: Webhook, admin_actor: Actor) -> None:
    rows = [failed(webhook, age=timedelta(minutes=60 - at)) for at in range(40)]
    start(webhook, admin_actor)

    def advance(_: int) -> int:
        try:
            return advance_recoveries()
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as threads:
        sent = sum(threads.map(advance, range(12)))
    Due.objects.all().delete()
    while Recovery.objects.filter(state="running").exists():
        sent += advance_recoveries()
        Due.objects.all().delete()
    assert sent == 40
    assert {stored(row).run for row in rows} == {2}


def test_goes_on_with_the_others_when_the_slice_of_one_fails(
    webhook: Webhook, admin_actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = create_webhook(actor=admin_actor, tenant=webhook.tenant, workflow_name="other", url=URL)
    broken, good = failed(webhook), failed(other)
    recoveries = [start(webhook, admin_actor), start(other, admin_actor)]
    send_again = recovering.send_again

    def fail_for_one(**given: Any) -> list[UUID]:
        if broken.id in given["delivery_ids"]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 / 0")
        return send_again(**given)

    monkeypatch.setattr(recovering, "send_again", fail_for_one)
    assert advance_recoveries() == 1
    assert [now_of(each).state for each in recoveries] == ["running", "done"]
    assert (stored(broken).run, stored(good).run) == (1, 2)
    monkeypatch.undo()
    assert advance_recoveries() == 1
    assert now_of(recoveries[0]).state == "done"
