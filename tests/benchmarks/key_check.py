"""Checking an API key, in this process: the query, the HMAC and the comparison, without the request around it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from statistics import quantiles
from typing import TYPE_CHECKING

from integrations.api_keys.checking import InvalidKeyError, check_key
from integrations.services.api_keys import create_api_key
from tests.benchmarks.api_table import Requests
from tests.benchmarks.dataset import ACTOR, make_tenant
from tests.benchmarks.report import Bar

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

TENANTS, KEYS_EACH = 20, 50
CHECKS = 5_000
ADDRESS = "127.0.0.1"
SECTION = f"Checking an API key ({TENANTS * KEYS_EACH:,} keys of {TENANTS} tenants, in any order, without HTTP)"


def run(site: Site) -> None:
    texts = _keys(5 if site.is_quick else TENANTS)
    draw = random.Random(1)
    _measure(site, "a right key", draw.choices(texts, k=CHECKS), _is_right, bar=True)
    wrong = [f"{text[:-10]}{'a' if text[-10] != 'a' else 'b'}{text[-9:]}" for text in texts]
    _measure(site, "a mistyped key: its checksum costs no query", draw.choices(wrong, k=CHECKS), _is_wrong)


def _keys(tenants: int) -> list[str]:
    keys = []
    for _ in range(tenants):
        tenant = make_tenant("keys")
        for number in range(KEYS_EACH):
            issued = create_api_key(actor=ACTOR, tenant=tenant, access=None, name=f"key {number}", scopes=["*"])
            keys.append(issued.text)
    return keys


def _measure(site: Site, what: str, texts: Sequence[str], check: Callable[[str], None], *, bar: bool = False) -> None:
    for text in texts[:200]:
        check(text)
    took = []
    for text in texts:
        started = time.perf_counter()
        check(text)
        took.append(time.perf_counter() - started)
    percents = quantiles(took, n=100)
    high_ms = percents[98] * 1000
    site.report.add_row(
        SECTION,
        Requests(
            what=what,
            per_second=len(took) / sum(took),
            middle_ms=percents[49] * 1000,
            high_ms=high_ms,
            bars=((Bar(1, at_most=True), high_ms, "ms p99"),) if bar else (),
        ),
    )


def _is_right(text: str) -> None:
    check_key(text, address=ADDRESS)


def _is_wrong(text: str) -> None:
    try:
        check_key(text, address=ADDRESS)
    except InvalidKeyError:
        return
    raise AssertionError("A mistyped key was let in.")
