"""How many wait for a lock, for tests of what happens beside one another."""

from __future__ import annotations

from django.db import connection


def waiting_for_locks() -> int:
    """Return how many locks are waited for on this server at this moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])
