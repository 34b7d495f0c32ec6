from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.api_keys import usage
from integrations.api_keys.models import APIKey, APIKeyUsage
from integrations.api_keys.queries import HourOfUse, usage_of
from integrations.api_keys.usage import UsageCounter, purge_usage
from integrations.errors import InvalidInputError
from integrations.ids import uuid7
from integrations.services.api_keys import IssuedKey, create_api_key
from integrations.services.tenants import create_tenant

Make = Callable[..., IssuedKey]
NOW = datetime(2026, 1, 31, 12, 34, 56, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    """Set the clock by which requests are counted."""

    def set_clock(moment: datetime) -> None:
        monkeypatch.setattr(usage.timezone, "now", lambda: moment)

    return set_clock


def rows(key: APIKey) -> list[tuple[datetime, int, int]]:
    return list(
        APIKeyUsage.objects.filter(api_key_id=key.id).order_by("hour").values_list("hour", "requests", "errors")
    )


def last_use(key: APIKey) -> tuple[datetime | None, str | None]:
    return APIKey.objects.values_list("last_used_at", "last_used_address").get(id=key.id)


def test_counts_are_written_by_key_and_hour_and_added_to_what_is_there(make_key: Make, at: Callable) -> None:
    one, two = make_key().key, make_key().key
    counter = UsageCounter()
    at(NOW)
    counter.count(one.id, is_error=False, address="192.0.2.1")
    counter.count(one.id, is_error=True, address="192.0.2.2")
    counter.count(two.id, is_error=False, address=None)
    counter.flush()
    at(NOW + HOUR)
    counter.count(one.id, is_error=False, address="192.0.2.3")
    counter.flush()
    at(NOW)
    UsageCounter().flush()  # nothing to write
    another_process = UsageCounter()
    another_process.count(one.id, is_error=True, address="192.0.2.9")
    another_process.flush()

    noon = NOW.replace(minute=0, second=0)
    assert rows(one) == [(noon, 3, 2), (noon + HOUR, 1, 0)]
    assert rows(two) == [(noon, 1, 0)]
    assert last_use(one) == (NOW + HOUR, "192.0.2.3")  # never backwards
    assert last_use(two) == (NOW, None)


def test_counting_touches_the_database_only_when_flushed(make_key: Make, django_assert_num_queries: Callable) -> None:
    key = make_key().key
    counter = UsageCounter()
    with django_assert_num_queries(0):
        for _ in range(100):
            counter.count(key.id, is_error=False, address="192.0.2.1")
    assert rows(key) == []


def test_refused_request_is_an_error_and_no_use(make_key: Make, at: Callable) -> None:
    key = make_key().key
    at(NOW)
    counter = UsageCounter()
    counter.count(key.id, is_error=True, address="192.0.2.1", was_let_in=False)
    counter.flush()
    assert rows(key) == [(NOW.replace(minute=0, second=0), 1, 1)]
    assert last_use(key) == (None, None)


def test_key_that_is_gone_does_not_hold_up_the_others(make_key: Make) -> None:
    key = make_key().key
    counter = UsageCounter()
    counter.count(uuid7(), is_error=False, address=None)
    counter.count(key.id, is_error=False, address=None)
    counter.flush()
    assert APIKeyUsage.objects.count() == 1
    assert [requests for _, requests, _ in rows(key)] == [1]


def test_what_could_not_be_written_waits_for_the_next_time(
    make_key: Make, at: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key().key
    counter = UsageCounter()
    at(NOW)
    counter.count(key.id, is_error=True, address="192.0.2.1")

    def fail(_: object) -> None:
        # Counted while the write was on its way.
        counter.count(key.id, is_error=False, address="192.0.2.2")
        raise OperationalError("the database is away")

    with monkeypatch.context() as away:
        away.setattr(usage, "_write", fail)
        with pytest.raises(DatabaseError):
            counter.flush()
    counter.flush()
    assert rows(key) == [(NOW.replace(minute=0, second=0), 2, 1)]
    assert last_use(key) == (NOW, "192.0.2.2")


def test_memory_is_bounded_while_the_database_is_away(
    make_key: Make, at: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "_MOST_ENTRIES", 3)
    key = make_key().key
    counter = UsageCounter()
    for number in range(5):
        at(NOW + number * HOUR)
        counter.count(key.id, is_error=False, address=None)
    counter.flush()
    assert [hour.hour for hour, _, _ in rows(key)] == [14, 15, 16]  # the oldest went


@pytest.mark.django_db(transaction=True)
def test_processes_that_flush_together_lose_nothing_and_do_not_deadlock() -> None:
    actor = Actor.system("test")
    tenant = create_tenant(actor=actor, name="Acme", slug="acme")
    keys = [
        create_api_key(actor=actor, tenant=tenant, access=None, name=f"{number}", scopes=["*"]).key
        for number in range(8)
    ]
    problems: list[BaseException] = []
    start = threading.Barrier(4)

    def process(ordered: list[APIKey]) -> None:
        counter = UsageCounter()
        try:
            start.wait()
            for _ in range(10):
                for key in ordered:
                    counter.count(key.id, is_error=False, address="192.0.2.1")
                counter.flush()
        except DatabaseError as problem:
            problems.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=process, args=(keys[::step],)) for step in (1, -1, 1, -1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert {key.name: sum(requests for _, requests, _ in rows(key)) for key in keys} == {
        str(number): 40 for number in range(8)
    }


def test_purge_forgets_what_is_older_than_90_days(make_key: Make) -> None:
    key = make_key().key
    hours = [timezone.now() - timedelta(days=days) for days in (0, 89, 91, 92, 93)]
    APIKeyUsage.objects.bulk_create(
        APIKeyUsage(tenant_id=key.tenant_id, api_key_id=key.id, hour=hour, requests=1) for hour in hours
    )
    assert purge_usage(batch=2) == 3
    assert [hour for hour, _, _ in rows(key)] == sorted(hours[:2])
    assert purge_usage() == 0


# --- Reading ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def used(make_key: Make) -> APIKey:
    key = make_key().key
    noon = NOW.replace(minute=0, second=0)
    APIKeyUsage.objects.bulk_create(
        APIKeyUsage(
            tenant_id=key.tenant_id, api_key_id=key.id, hour=noon - ago * HOUR, requests=10 + ago, errors=ago % 3
        )
        for ago in (0, 1, 24, 25, 2000)
    )
    return key


def test_usage_is_that_of_the_last_24_hours_unless_a_period_is_given(used: APIKey) -> None:
    noon = NOW.replace(minute=0, second=0)
    found = usage_of(used, now=NOW)
    assert (found.start, found.end) == (noon - 24 * HOUR, noon + HOUR)
    assert found.hours == [HourOfUse(noon - 24 * HOUR, 34, 0), HourOfUse(noon - HOUR, 11, 1), HourOfUse(noon, 10, 0)]
    assert (found.requests, found.errors) == (55, 1)


def test_usage_of_a_period_covers_the_hours_that_it_touches(used: APIKey) -> None:
    noon = NOW.replace(minute=0, second=0)
    found = usage_of(used, now=NOW, start=noon - HOUR, end=noon)
    assert (found.start, found.end, found.requests) == (noon - HOUR, noon, 11)
    found = usage_of(used, now=NOW, start=noon - timedelta(minutes=1), end=noon + timedelta(minutes=1))
    assert (found.start, found.end, found.requests) == (noon - HOUR, noon + HOUR, 21)


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [(NOW, NOW, "to"), (NOW, NOW - HOUR, "to"), (NOW + HOUR, None, "from"), (NOW - timedelta(days=91), None, "from")],
    ids=["empty", "reversed", "future", "long"],
)
def test_period_that_cannot_be_shown_is_refused(
    used: APIKey, start: datetime, end: datetime | None, field: str
) -> None:
    with pytest.raises(InvalidInputError) as refused:
        usage_of(used, now=NOW, start=start, end=end)
    assert list(refused.value.errors) == [field]
