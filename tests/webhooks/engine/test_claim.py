from __future__ import annotations

import threading
from collections import Counter
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from integrations.ids import uuid7
from integrations.models import Tenant
from tests.webhooks.engine.queue_rows import enqueue
from webhooks.engine.claim import Claimer
from webhooks.engine.senders import Claimed
from webhooks.models import Due, Webhook


@pytest.fixture
def claimer(db: None) -> Claimer:
    return Claimer(uuid7())


def tenants(count: int) -> list[Tenant]:
    return Tenant.objects.bulk_create(
        Tenant(name=f"Tenant {number}", slug=f"tenant-{number}") for number in range(count)
    )


def claim(claimer: Claimer, rows: int = 256, engines: int = 1, held: dict[UUID, int] | None = None) -> list[Claimed]:
    return claimer.claim(rows=rows, engines=engines, held=held or {})


def ids(claimed: list[Claimed]) -> list[UUID]:
    return [row.delivery_id for row in claimed]


def test_claim_leases_what_is_due_oldest_first(claimer: Claimer) -> None:
    (tenant,) = tenants(1)
    target = uuid7()
    later = enqueue(tenant.id, target, due_in=-5)
    earlier = enqueue(tenant.id, target, due_in=-9, attempt=2, max_retries=1, timeout_ms=7, retry_schedule="quick")
    enqueue(tenant.id, target, due_in=60)
    enqueue(tenant.id, target, lease_by=uuid7(), leased_at=timezone.now())

    claimed = claim(claimer)

    assert ids(claimed) == earlier + later
    first = claimed[0]
    assert (first.tenant_id, first.target_kind, first.target_id) == (tenant.id, "webhook", target)
    assert (first.attempt, first.run, first.max_retries, first.timeout_ms, first.retry_schedule) == (
        2,
        1,
        1,
        7,
        "quick",
    )
    for row in Due.objects.filter(delivery_id__in=ids(claimed)):
        assert row.lease_by == claimer.engine_id
        assert row.leased_at is not None
    assert claim(claimer) == []


def test_claim_passes_by_tenants_that_are_inactive_or_deleted(claimer: Claimer) -> None:
    active, inactive, deleted = tenants(3)
    Tenant.objects.filter(id=inactive.id).update(is_active=False)
    Tenant.objects.filter(id=deleted.id).update(deleted_at=timezone.now())
    expected = enqueue(active.id, uuid7())
    enqueue(inactive.id, uuid7())
    enqueue(deleted.id, uuid7())

    assert ids(claim(claimer)) == expected


@pytest.mark.parametrize(
    ("places", "engines", "held", "leased_by_others", "expected"),
    [
        (3, 1, 0, 0, 12),  # four times its places are held here, so that none stands empty
        (3, 1, 10, 0, 2),
        (3, 1, 12, 0, 0),
        (7, 3, 0, 0, 8),  # two places for each of three engines
        (1, 2, 0, 0, 1),  # more engines than places: as many as no engine has
        (2, 3, 0, 1, 1),
        (2, 3, 0, 2, 0),
    ],
)
def test_claim_takes_of_a_webhook_only_what_it_has_places_for(
    claimer: Claimer, webhook: Webhook, places: int, engines: int, held: int, leased_by_others: int, expected: int
) -> None:
    Webhook.objects.filter(id=webhook.id).update(max_concurrency=places)
    enqueue(webhook.tenant_id, webhook.id, count=40)
    if leased_by_others:
        enqueue(webhook.tenant_id, webhook.id, count=leased_by_others, lease_by=uuid7(), leased_at=timezone.now())

    assert len(claim(claimer, engines=engines, held={webhook.id: held})) == expected


def test_a_tenant_with_a_long_queue_takes_one_turn_like_everybody(claimer: Claimer) -> None:
    many, *others = tenants(40)
    for _ in range(10):
        enqueue(many.id, uuid7(), count=60)
    for other in others:
        enqueue(other.id, uuid7(), count=2)

    served: Counter[UUID] = Counter()
    for _ in range(4):
        served.update(row.tenant_id for row in claim(claimer, rows=64))

    assert all(served[other.id] == 2 for other in others)
    assert served[many.id] == 4 * 64 - 2 * len(others)


def test_claims_walk_on_where_the_last_one_stopped(claimer: Claimer) -> None:
    everybody = tenants(10)
    for tenant in everybody:
        enqueue(tenant.id, uuid7(), count=50)

    served = [{row.tenant_id for row in claim(claimer, rows=16)} for _ in range(10)]

    assert set().union(*served) == {tenant.id for tenant in everybody}


def test_the_webhooks_of_one_tenant_take_turns(claimer: Claimer) -> None:
    (tenant,) = tenants(1)
    targets = [uuid7() for _ in range(10)]
    for target in targets:
        enqueue(tenant.id, target, count=100)

    served: Counter[UUID] = Counter()
    for _ in range(10):
        served.update(row.target_id for row in claim(claimer, rows=16))

    assert set(served) == set(targets)


def test_claim_finds_what_is_ready_behind_much_that_is_not(claimer: Claimer) -> None:
    first, second = tenants(2)
    for tenant in (first, second):
        for _ in range(50):
            enqueue(tenant.id, uuid7(), due_in=3600)
    ready = enqueue(second.id, UUID(int=2**128 - 1))

    for _ in range(3):
        claimed = claim(claimer)
        assert ids(claimed) == ready
        Due.objects.update(lease_by=None)


def test_claim_fills_up_with_one_tenants_rows_when_the_others_have_few(claimer: Claimer) -> None:
    many, few = tenants(2)
    for _ in range(10):
        enqueue(many.id, uuid7(), count=60)
        enqueue(few.id, uuid7())
    claimer.tenants_in_circle = 2

    assert len(claim(claimer, rows=200)) == 200


def test_give_back_unknown_releases_only_what_this_engine_does_not_know_of(claimer: Claimer) -> None:
    (tenant,) = tenants(1)
    known, unknown = enqueue(tenant.id, uuid7(), count=2, lease_by=claimer.engine_id, leased_at=timezone.now())
    (of_other,) = enqueue(tenant.id, uuid7(), lease_by=uuid7(), leased_at=timezone.now())

    assert claimer.give_back_unknown({known}) == 1

    assert set(Due.objects.exclude(lease_by=None).values_list("delivery_id", flat=True)) == {known, of_other}
    assert Due.objects.get(lease_by=None).delivery_id == unknown


@pytest.mark.django_db(transaction=True)
def test_engines_side_by_side_never_take_the_same_row() -> None:
    for tenant in tenants(3):
        for _ in range(4):
            enqueue(tenant.id, uuid7(), count=60)
    taken: list[list[UUID]] = [[], [], []]

    def work(mine: list[UUID]) -> None:
        claimer = Claimer(uuid7())
        try:
            while claimed := claim(claimer, rows=20, engines=1):
                mine += ids(claimed)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    everything = [delivery_id for mine in taken for delivery_id in mine]
    assert len(everything) == len(set(everything)) == 720
