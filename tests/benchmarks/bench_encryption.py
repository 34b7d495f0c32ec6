"""Time of encryption, per value and per configuration, and of masking: `make bench-encryption`.

Needs no database and no settings: the key is in memory, as it is in a running process.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable
from timeit import repeat
from uuid import uuid4

from integrations.encryption.cipher import DataKeyCipher, StoredValue
from integrations.encryption.masking import mask
from integrations.encryption.place import Place

ROUNDS = 500
CALLS = 50  # shorter than a time slice, so that some rounds run undisturbed on a busy machine
BAR_MICROSECONDS = 10.0

CIPHER = DataKeyCipher(uuid4(), secrets.token_bytes(32))
PLACE = Place("integrations.Integration", "config", "access_token", uuid4(), uuid4())
FIELDS = ["access_token", "app_secret", "webhook_verify_token", "account_sid", "auth_token"]


def sealed(value: str, place: Place) -> str:
    return CIPHER.seal(value, place.associated_data())


def opened(stored: str, place: Place) -> str:
    return CIPHER.open(StoredValue.parse(stored), place.associated_data())


def microseconds(call: Callable[[], object]) -> float:
    """Return the time of one call, from the quickest of many rounds."""
    return min(repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def measurements() -> dict[str, float]:
    """Return microseconds by what was measured."""
    times: dict[str, float] = {}
    for name, length in (("200 B", 200), ("1 KiB", 1024), ("4 KiB", 4096)):
        value = secrets.token_hex(length // 2)
        stored = sealed(value, PLACE)
        times[f"encrypt {name}"] = microseconds(lambda value=value: sealed(value, PLACE))
        times[f"decrypt {name}"] = microseconds(lambda stored=stored: opened(stored, PLACE))
    values = {PLACE._replace(key=name): secrets.token_hex(32) for name in FIELDS}
    config = {place: sealed(value, place) for place, value in values.items()}
    times["encrypt a config of 5 fields"] = microseconds(lambda: [sealed(v, place) for place, v in values.items()])
    times["decrypt a config of 5 fields"] = microseconds(lambda: [opened(v, place) for place, v in config.items()])
    token = secrets.token_hex(100)
    times["mask"] = microseconds(lambda: mask(token))
    return times


def main() -> None:
    times = measurements()
    for name, time in times.items():
        sys.stdout.write(f"{name:<30}{time:8.2f} µs\n")
    slowest = max(times["encrypt 1 KiB"], times["decrypt 1 KiB"])
    verdict = "held" if slowest < BAR_MICROSECONDS else "NOT held"
    sys.stdout.write(f"bar: a value of 1 KiB under {BAR_MICROSECONDS:.0f} µs, {verdict}\n")


if __name__ == "__main__":
    main()
