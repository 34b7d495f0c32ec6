from __future__ import annotations

import os
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from integrations.ids import uuid7
from tests.webhooks.engine.queue_rows import enqueue
from webhooks.engine.heartbeat import beat, release_silent, sign_off
from webhooks.models import Delivery, Due, Engine

pytestmark = pytest.mark.django_db


def lease(engine_id: UUID, **due: str) -> UUID:
    (delivery_id,) = enqueue(uuid7(), uuid7(), lease_by=engine_id, leased_at=timezone.now(), **due)
    return delivery_id


def engine(*, silent_for: float) -> UUID:
    engine_id = uuid7()
    beat(engine_id, 0)
    Engine.objects.filter(id=engine_id).update(heartbeat_at=timezone.now() - timedelta(seconds=silent_for))
    return engine_id


def leased_by(delivery_id: UUID) -> UUID | None:
    return Due.objects.get(delivery_id=delivery_id).lease_by


def test_beat_registers_and_renews_and_counts_the_living() -> None:
    engine(silent_for=25)
    silent = engine(silent_for=15)
    new = uuid7()

    assert beat(new, 3) == 2
    row = Engine.objects.get(id=new)
    assert (row.pid, bool(row.host), row.in_flight) == (os.getpid(), True, 3)
    beat(new, 0)
    assert Engine.objects.get(id=new).in_flight == 0
    assert beat(silent, 0) == 2
    assert Engine.objects.get(id=silent).heartbeat_at > row.started_at - timedelta(seconds=1)


def test_release_silent_frees_the_rows_of_dead_and_unknown_engines_only() -> None:
    living, dead, unknown = engine(silent_for=15), engine(silent_for=21), uuid7()
    rows = {owner: lease(owner) for owner in (living, dead, unknown)}

    assert release_silent(parked_kinds=()) == 2

    assert leased_by(rows[living]) == living
    assert leased_by(rows[dead]) is None
    assert leased_by(rows[unknown]) is None
    assert Due.objects.get(delivery_id=rows[dead]).leased_at is None
    assert set(Engine.objects.values_list("id", flat=True)) == {living}
    assert release_silent(parked_kinds=()) == 0


def test_release_silent_parks_the_kinds_that_must_not_be_sent_twice() -> None:
    dead = engine(silent_for=60)
    message, webhook = lease(dead, target_kind="message"), lease(dead)

    release_silent(parked_kinds=["message"])

    assert list(Due.objects.values_list("delivery_id", flat=True)) == [webhook]
    parked = Delivery.objects.get(id=message)
    assert (parked.state, "unknown" in parked.last_error) == ("unknown", True)
    assert parked.finished_at is not None


def test_sign_off_gives_back_what_is_left() -> None:
    leaving, staying = engine(silent_for=0), engine(silent_for=0)
    mine, other = lease(leaving), lease(staying)

    assert sign_off(leaving) == 1

    assert leased_by(mine) is None
    assert leased_by(other) == staying
    assert list(Engine.objects.values_list("id", flat=True)) == [staying]
