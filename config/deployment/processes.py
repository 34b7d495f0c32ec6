"""Looking for signs of life of the site's processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Final

from django.db import connection

from config.deployment.findings import Finding, Report
from integrations.encryption.heartbeat import live_processes
from integrations.process_metrics import SENT_BY_BEAT, TASK
from webhooks.queue_state import delivery_lag, engines_alive

# Beat sends a hint each second, and counts are written every five.
FRESH_SECONDS: Final = 30
LONGEST_LAG_SECONDS: Final = 60
HINT: Final = "webhooks.drain"
_POLL_SECONDS: Final = 1.0

_SEEN: Final = """
    SELECT extract(epoch FROM now() - max(updated_at))::float8 FROM config_processtotal
    WHERE metric = %s AND labels LIKE %s
"""


def look_at_processes(report: Report, *, wait_seconds: float) -> None:
    """Look until all are alive or the time is over: those that were just started have nothing to show yet."""
    give_up_at = time.monotonic() + wait_seconds
    while True:
        facts, findings = _seen()
        if not findings or time.monotonic() >= give_up_at:
            break
        time.sleep(_POLL_SECONDS)
    report.facts |= facts
    for finding in findings:
        report.find(finding.message, finding.hint)


def _seen() -> tuple[dict[str, object], list[Finding]]:
    kinds = list(live_processes().values_list("kind", flat=True))
    engines, lag = engines_alive(), delivery_lag().ready
    beat, hint = _age(SENT_BY_BEAT), _age(TASK)
    facts: dict[str, object] = {
        "web": kinds.count("web"),
        "worker": kinds.count("worker"),
        "engines": engines,
        "beat_sent_seconds_ago": _rounded(beat),
        "hint_ran_seconds_ago": _rounded(hint),
        "delivery_lag_seconds": round(lag, 1),
    }
    judged: list[tuple[bool, Callable[[], Finding]]] = [
        ("web" in kinds, lambda: Finding("No web process is alive.", "Start gunicorn (config/gunicorn_conf.py).")),
        ("worker" in kinds, lambda: Finding("No worker process is alive.", "Start `celery -A config worker`.")),
        (
            engines > 0,
            lambda: Finding(
                "No delivery engine is alive: nothing is sent.", "Look for engine_failed in the workers' log."
            ),
        ),
        (
            beat is not None and beat <= FRESH_SECONDS,
            lambda: Finding(
                f"Beat has sent nothing for {_words(beat)}.", "Start `celery -A config beat`, and see its log."
            ),
        ),
        (
            hint is not None and hint <= FRESH_SECONDS,
            lambda: Finding(f"No worker has run a hint for {_words(hint)}.", "See whether workers reach the broker."),
        ),
        (
            lag <= LONGEST_LAG_SECONDS,
            lambda: Finding(f"A delivery that could be sent has waited for {lag:.0f} s.", "Start more workers."),
        ),
    ]
    return facts, [finding() for is_well, finding in judged if not is_well]


def _age(metric: str) -> float | None:
    """Return the seconds since the hint was last counted; None when it never was."""
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [metric, f"[{json.dumps(HINT)}%"])
        age: float | None = cursor.fetchone()[0]
    return age


def _rounded(age: float | None) -> float | None:
    return None if age is None else round(age, 1)


def _words(age: float | None) -> str:
    return "as long as is known" if age is None else f"{age:.0f} s"
