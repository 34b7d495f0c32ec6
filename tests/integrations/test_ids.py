from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122

from integrations.ids import uuid7, uuid7_floor, uuid7_time


def test_has_the_version_and_variant_of_rfc_9562() -> None:
    identifier = uuid7()
    assert (identifier.version, identifier.variant) == (7, RFC_4122)


def test_tells_when_it_was_made() -> None:
    before = datetime.now(UTC)
    made = uuid7_time(uuid7())
    assert before - timedelta(milliseconds=1) <= made <= datetime.now(UTC)


def test_floor_bounds_every_id_of_its_moment() -> None:
    before = datetime.now(UTC)
    identifier = uuid7()
    assert uuid7_floor(before) <= identifier < uuid7_floor(datetime.now(UTC) + timedelta(milliseconds=1))


def test_later_ids_sort_later() -> None:
    ids = [uuid7() for _ in range(5_000)]
    times = [uuid7_time(identifier) for identifier in ids]
    assert times == sorted(times)


def test_ids_differ_within_and_across_threads() -> None:
    ids: list[object] = []

    def make() -> None:
        ids.extend([uuid7() for _ in range(2_000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == 8_000


def test_a_forked_child_draws_other_random_bits_than_its_parent() -> None:
    uuid7()  # the parent has numbers in stock
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, "\n".join(str(uuid7().int & ((1 << 62) - 1)) for _ in range(50)).encode())
        os._exit(0)
    os.close(writing)
    theirs = set(os.read(reading, 65_536).decode().split())
    os.waitpid(child, 0)
    ours = {str(uuid7().int & ((1 << 62) - 1)) for _ in range(50)}
    assert len(theirs) == 50
    assert theirs & ours == set()
