"""Payloads and answers that a database refuses: one of them must not cost the others anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.faults.fault_site import FaultSite
from tests.faults.matrix import Row
from tests.faults.scene import Scene

pytestmark = pytest.mark.faults
Report = Callable[..., Row]

POISON = "what this database refuses"
# As PostgreSQL refuses a NUL: a data error (22021), on whatever way the value came.
_REFUSING = f"""
    CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NEW.response_body LIKE '%{POISON}%' THEN
            RAISE EXCEPTION 'invalid byte sequence' USING ERRCODE = 'character_not_in_repertoire';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER refuse_poison BEFORE INSERT ON analytics_webhookcall FOR EACH ROW EXECUTE FUNCTION refuse_poison();
"""


@pytest.fixture
def refusing_database(site: FaultSite) -> Iterator[None]:
    """A database that refuses a value which nothing before it sorts out."""
    with psycopg.connect(site.database_url, autocommit=True) as connection:
        connection.execute(_REFUSING)
        yield
        connection.execute("DROP TRIGGER refuse_poison ON analytics_webhookcall; DROP FUNCTION refuse_poison()")


def test_answers_with_characters_that_no_text_may_hold_are_recorded(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    scene.add_webhooks("/a")
    poison = [
        (b'{"nul": "\x00"}', "application/json"),
        (b'{"surrogate": "\xed\xa0\x80"}', "application/json"),
        (b'{"escaped": "\\ud800\\u0000"}', "application/json"),
        (b"\xff\xfe\x00\xd8", "text/plain; charset=utf-16"),
        (b"\xd8\x00", "text/plain; charset=utf-16-be"),
        (b"+2AA-", "text/plain; charset=utf-7"),
        (b"\\ud800", "text/plain; charset=unicode_escape"),
        (b"\x80\x81\xfe\xff", "text/html; charset=nonsense\x01"),
    ]
    for body, content_type in poison:
        scene.receiver.answer("/a", body=body, headers={"Content-Type": content_type}, times=1)
    scene.accept(300)

    started = time.monotonic()
    site.run_worker()
    scene.settle(started)

    row = report("NUL, lone surrogates, odd charsets in answers", seconds=None, note=f"{len(poison)} poisoned of 300")
    assert row.duplicated == 0
    assert row.calls == 300 == len(scene.requests())


@pytest.mark.usefixtures("refusing_database")
def test_an_answer_that_the_database_refuses_is_recorded_without_it_and_nobody_is_sent_twice(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    scene.add_webhooks(*(f"/{number}" for number in range(20)))
    scene.receiver.answer("/7", body=POISON, times=1)
    for number in range(20):
        scene.receiver.answer(f"/{number}", body="fine")
    scene.accept(300)

    started = time.monotonic()
    site.run_worker()
    scene.settle(started)

    row = report("an answer that the database refuses, 1 of 300", seconds=None)
    assert row.duplicated == 0
    assert row.calls == 300 == len(scene.requests())
    bodies = scene.query(
        "SELECT response_body, count(*) FROM analytics_webhookcall WHERE target_id = ANY(%s) GROUP BY 1"
    )
    assert dict(bodies)["fine"] == 299


def test_a_payload_that_cannot_be_stored_is_refused_and_leaves_nothing(
    site: FaultSite, scene: Scene, report: Report
) -> None:
    (webhook,) = scene.add_webhooks("/a")
    site.run_worker()
    for payload in ({"nul": "\0"}, {"surrogate": "\ud800"}, {"key\0": 1}, {"nested": [{"\udfff": "x"}]}):
        site.ask(do="offer", webhook=webhook, payload=payload)
        assert site.answer() == "InvalidInputError", payload
    scene.accept(20)
    scene.settle(time.monotonic())

    row = report("NUL and lone surrogates in payloads", seconds=None, note="4 refused, nothing of them stored")
    assert row.duplicated == 0
    assert len(scene.requests()) == 20
