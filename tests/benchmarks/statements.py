"""SQL statements per delivery, counted in PostgreSQL's own log, so that nothing is overlooked.

A run of its own, since logging every statement slows everything down. COPY counts as one statement, BEGIN and COMMIT too.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from tests.benchmarks.site import Site

SECTION = "SQL statements of the engine"
WARM_UP = 1_000
_LOGGED = re.compile(r"LOG:  (?:statement|execute [^:]*):\s+(\w+)")


def run(site: Site) -> None:
    count = 5_000 if site.is_quick else 20_000
    database = site.processes.database
    with psycopg.connect(**site.superuser, autocommit=True) as superuser:
        # A session takes the setting when it begins: those of the engine, all of which the warm-up opens, and none later.
        superuser.execute(f"ALTER DATABASE {database} SET log_statement = 'all'")
        try:
            with site.worker():
                site.load(WARM_UP)
                site.seconds_until_done(WARM_UP, since=time.monotonic())
                superuser.execute(f"ALTER DATABASE {database} RESET log_statement")
                site.empty()
                began = site.server_log.stat().st_size
                site.load(count)
                site.seconds_until_done(count, since=time.monotonic())
                logged = _statements(site, began)
        finally:
            superuser.execute(f"ALTER DATABASE {database} RESET log_statement")
    per_thousand = 1000 * sum(logged.values()) / count
    kinds = ", ".join(f"{name} {1000 * number / count:.1f}" for name, number in logged.most_common())
    site.report.add(SECTION, f"per 1,000 deliveries, in a backlog of {count:,}", per_thousand, "statements", note=kinds)


def _statements(site: Site, began: int) -> Counter[str]:
    """Count the statements that the log holds since byte `began`, by their first word."""
    with site.server_log.open("rb") as log:
        log.seek(began)
        text = log.read().decode(errors="replace")
    return Counter(word.upper() for word in _LOGGED.findall(text))
