"""Backlogs that are too long for one transaction: moved a slice at a time, whatever happens in between."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.ids import uuid7
from integrations.models import Tenant
from integrations.services.tenants import delete_tenant
from tests.webhooks.delivery_steps import make_delivery
from tests.webhooks.test_holding import disabled_for, held, waiting
from tests.webhooks.webhook_steps import URL, update
from webhooks import queue
from webhooks.models import BEHIND_ALL, BacklogKind, BacklogMove, Delivery, DisabledReason, Due, Webhook
from webhooks.services import holding
from webhooks.services.backlog_slices import Size
from webhooks.services.disabling import disable_by_engine
from webhooks.services.holding import expire_held, move_backlogs
from webhooks.services.webhooks import create_webhook, delete_webhook

MANY = 11


@pytest.fixture(autouse=True)
def _small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "AT_ONCE", Size(rows=2, read=3))
    monkeypatch.setattr(holding, "SLICE", Size(rows=3, read=5))


@pytest.fixture
def backlog(webhook: Webhook) -> list[Delivery]:
    """What waits, among deliveries that have ended."""
    deliveries = []
    for n in range(MANY):
        make_delivery(webhook, state="succeeded", attempts=1)
        deliveries.append(waiting(webhook, attempt=n % 2))
    return deliveries


def states(webhook: Webhook) -> Counter[str]:
    return Counter(Delivery.objects.filter(target_id=webhook.id).values_list("state", flat=True))


def in_queue() -> int:
    return Due.objects.count()


@pytest.mark.usefixtures("backlog")
def test_holds_a_few_at_once_and_the_rest_later(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    assert (states(webhook)["held"], in_queue()) == (2, MANY - 2)
    assert BacklogMove.objects.get().finished_at is None

    assert move_backlogs() == MANY - 2
    assert (states(webhook)["held"], in_queue()) == (MANY, 0)
    move = BacklogMove.objects.get()
    assert (move.kind, move.moved, move.finished_at is not None) == (BacklogKind.HOLD, MANY, True)
    assert move_backlogs() == 0


def test_brings_every_row_back_as_it_was(webhook: Webhook, backlog: list[Delivery], admin_actor: Actor) -> None:
    before = {row["delivery_id"]: row for row in Due.objects.values()}
    update(webhook, admin_actor, is_active=False)
    move_backlogs()
    update(webhook, admin_actor, is_active=True)
    assert 0 < in_queue() <= 2

    assert move_backlogs() == MANY - in_queue() or in_queue() == MANY
    assert {row["delivery_id"]: row for row in Due.objects.values()} == before
    assert states(webhook) == {"succeeded": MANY, "pending": 6, "retrying": 5}
    assert BacklogMove.objects.get().finished_at is not None


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
@pytest.mark.parametrize("switches", [2, 3, 4, 5])
def test_the_last_word_counts_however_often_it_is_switched(
    webhook: Webhook, backlog: list[Delivery], admin_actor: Actor, switches: int, steps: int
) -> None:
    is_active = True
    for _ in range(switches):
        is_active = not is_active
        update(webhook, admin_actor, is_active=is_active)
        for _ in range(steps):
            holding._advance(webhook.tenant_id, webhook.id)
    move_backlogs()

    if is_active:
        found = states(webhook)
        assert (found["pending"] + found["retrying"], found.total()) == (MANY, 2 * MANY)
        assert set(Due.objects.values_list("delivery_id", flat=True)) == {delivery.id for delivery in backlog}
    else:
        assert states(webhook) == {"succeeded": MANY, "held": MANY}
        assert in_queue() == 0


@pytest.mark.parametrize("before", ["waiting", "half held", "held", "half back"])
def test_cancels_everything_when_deleted_in_the_middle(
    tenant: Tenant, webhook: Webhook, backlog: list[Delivery], admin_actor: Actor, before: str
) -> None:
    leased = waiting(webhook, attempt=1, lease_by=uuid7())
    if before != "waiting":
        update(webhook, admin_actor, is_active=False)
    if before in {"held", "half back"}:
        move_backlogs()
    if before == "half back":
        update(webhook, admin_actor, is_active=True)
        holding._advance(webhook.tenant_id, webhook.id)

    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    assert not Webhook.objects.filter(id=webhook.id).exists()
    move_backlogs()
    assert states(webhook) == {"succeeded": MANY, "cancelled": MANY + 1}
    assert in_queue() == 0
    assert Delivery.objects.get(id=leased.id).attempts == 1
    assert not Delivery.objects.filter(state="cancelled", finished_at=None).exists()


def test_cancels_what_an_engine_holds_after_the_deletion(
    tenant: Tenant, webhook: Webhook, backlog: list[Delivery], admin_actor: Actor
) -> None:
    """It had taken the row while the webhook was disabled, and records that only now."""
    update(webhook, admin_actor, is_active=False)
    update(webhook, admin_actor, is_active=True)
    move_backlogs()
    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)
    late = Due.objects.earliest("delivery_id")
    Delivery.objects.filter(id=late.delivery_id).update(state="held")
    late.delete()

    move_backlogs()
    assert states(webhook) == {"succeeded": MANY, "cancelled": MANY}


@pytest.mark.usefixtures("backlog")
def test_reads_no_history_when_nothing_can_be_held(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    delete_webhook(actor=admin_actor, tenant=tenant, webhook_id=webhook.id)

    assert BacklogMove.objects.get().position == BEHIND_ALL
    move_backlogs()
    assert states(webhook) == {"succeeded": MANY, "cancelled": MANY}


@pytest.mark.usefixtures("backlog")
def test_expires_in_slices_and_once(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    move_backlogs()
    disabled_for(webhook, days=400)

    assert expire_held() <= 2
    move_backlogs()
    assert states(webhook) == {"succeeded": MANY, "failed": MANY}
    late = held(webhook)
    assert (expire_held(), move_backlogs()) == (0, 0)  # its history is not read again every hour
    update(webhook, admin_actor, is_active=True)
    move_backlogs()
    assert Delivery.objects.get(id=late.id).state == "failed"


@pytest.mark.usefixtures("backlog")
def test_a_move_that_is_under_way_is_finished_before_anything_expires(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    disabled_for(webhook, days=8)

    assert expire_held() == 0
    assert BacklogMove.objects.get().kind == BacklogKind.HOLD
    move_backlogs()
    expire_held()
    move_backlogs()
    assert (states(webhook)["failed"], in_queue()) == (MANY, 0)


@pytest.mark.usefixtures("backlog")
def test_enabling_after_7_days_expires_all(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    move_backlogs()
    disabled_for(webhook, days=7)
    update(webhook, admin_actor, is_active=True)
    move_backlogs()

    assert states(webhook) == {"succeeded": MANY, "failed": MANY}
    assert in_queue() == 0


@pytest.mark.usefixtures("backlog")
def test_an_engine_that_disables_a_webhook_answers_after_one_slice_too(tenant: Tenant, webhook: Webhook) -> None:
    assert disable_by_engine(tenant_id=tenant.id, webhook_id=webhook.id, reason=DisabledReason.GONE)

    assert states(webhook)["held"] == 2
    move_backlogs()
    assert states(webhook)["held"] == MANY


@pytest.mark.parametrize("is_long", [True, False], ids=["long", "short"])
def test_asks_for_the_task_only_when_something_is_left(
    webhook: Webhook,
    admin_actor: Actor,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    is_long: bool,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(queue._backlog_sender, "hint", lambda: asked.append("backlogs"))
    for _ in range(3 if is_long else 1):
        waiting(webhook)
    with django_capture_on_commit_callbacks(execute=True):
        update(webhook, admin_actor, is_active=False)

    assert asked == (["backlogs"] if is_long else [])


@pytest.mark.usefixtures("backlog")
def test_stops_when_its_time_is_over(webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)

    assert move_backlogs(seconds=0) == 3
    assert states(webhook)["held"] == 5


def test_takes_backlogs_in_turn(webhook: Webhook, other_tenant: Tenant, admin_actor: Actor) -> None:
    theirs = create_webhook(actor=admin_actor, tenant=other_tenant, workflow_name="theirs", url=URL)
    for _ in range(MANY):
        waiting(webhook)
        waiting(theirs)
    update(webhook, admin_actor, is_active=False)
    update(theirs, admin_actor, is_active=False)
    move_backlogs(seconds=0)
    assert [states(each)["held"] for each in (webhook, theirs)] == [5, 2]
    move_backlogs()
    assert [states(each)["held"] for each in (webhook, theirs)] == [MANY, MANY]


@pytest.mark.usefixtures("backlog")
def test_leaves_a_deleted_tenants_backlog_to_the_sweep(tenant: Tenant, webhook: Webhook, admin_actor: Actor) -> None:
    update(webhook, admin_actor, is_active=False)
    delete_tenant(actor=admin_actor, tenant=tenant)

    assert move_backlogs() == 0


# --- Side by side -----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_or_doubled_beside_switches_other_runs_and_claims(
    webhook: Webhook, backlog: list[Delivery], admin_actor: Actor
) -> None:
    Due.objects.update(due_at=timezone.now() - timedelta(hours=1))
    ended = threading.Event()
    faults: list[BaseException] = []
    engine = uuid7()

    def beside(work: Callable[[], object]) -> threading.Thread:
        def run() -> None:
            try:
                while not ended.is_set():
                    work()
            except BaseException as fault:
                faults.append(fault)
                raise
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def lease_and_give_back() -> None:
        some = Due.objects.filter(lease_by=None).values_list("delivery_id", flat=True)[:2]
        Due.objects.filter(delivery_id__in=list(some), lease_by=None).update(lease_by=engine)
        Due.objects.filter(lease_by=engine).update(lease_by=None)

    threads = [beside(lambda: move_backlogs(seconds=0.05)) for _ in "12"] + [beside(lease_and_give_back)]
    for _ in range(20):
        for is_active in (False, True):
            update(webhook, admin_actor, is_active=is_active)
    ended.set()
    for thread in threads:
        thread.join(30)
    move_backlogs()

    assert faults == []
    assert set(Due.objects.values_list("delivery_id", flat=True)) == {delivery.id for delivery in backlog}
    found = states(webhook)
    assert (found["pending"] + found["retrying"], found.total()) == (MANY, 2 * MANY)
    update(webhook, admin_actor, is_active=False)
    move_backlogs()
    assert (states(webhook)["held"], in_queue()) == (MANY, 0)
