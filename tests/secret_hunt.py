"""After every test: no secret that it encrypted, and no API key, stands in the database or in the log in clear.

What a test encrypts is remembered as it passes the cipher, and a key as it is hashed. When the test's body has ended,
and before its transaction is rolled back, every row of every table that it can have written to is read as text and searched, and so is all that was
logged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection

from integrations.api_keys.hashing import Peppers
from integrations.encryption.cipher import DataKeyCipher

# Shorter ones stand in names and numbers by chance.
SHORTEST_HUNTED = 16
_ALL = """
SELECT oid::regclass::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
"""
# Counted with what a savepoint took back, and with what COPY brought.
_WRITTEN = "SELECT relid::regclass::text FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd > 0"


@contextmanager
def remembering_secrets() -> Iterator[set[str]]:
    seen: set[str] = set()
    original, original_digest = DataKeyCipher.seal, Peppers.digest

    def seal(self: DataKeyCipher, plaintext: str, associated_data: bytes) -> str:
        if len(plaintext) >= SHORTEST_HUNTED:
            seen.add(plaintext)
        return original(self, plaintext, associated_data)

    def digest(self: Peppers, text: str, fingerprint: str | None = None) -> str:
        seen.add(text.rpartition("_")[2])  # what comes before is public
        return original_digest(self, text, fingerprint)

    DataKeyCipher.seal = seal  # type: ignore[method-assign]
    Peppers.digest = digest  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        DataKeyCipher.seal = original  # type: ignore[method-assign]
        Peppers.digest = original_digest  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Function) -> Iterator[None]:
    if "hand_made_ciphertext" in item.keywords:
        return (yield)
    with remembering_secrets() as secrets:
        result = yield
        if secrets:
            has_database = "db" in item.fixturenames or "transactional_db" in item.fixturenames
            places = {"the log": _logged(item), **(rows_as_text() if has_database else {})}
            found = sorted(
                f"{place}: {secret[:4]}…" for place, text in places.items() for secret in secrets if secret in text
            )
            assert found == [], "A secret stands in clear in these places."
    return result


def _logged(item: pytest.Item) -> str:
    from _pytest.logging import caplog_handler_key

    handler = item.stash.get(caplog_handler_key, None)
    return handler.stream.getvalue() if handler is not None else ""


def rows_as_text() -> dict[str, str]:
    """Return the rows of every table as text; nothing where the test has no database or its transaction has failed.

    Inside of the test's transaction it has written to few tables, and PostgreSQL knows to which.
    """
    if connection.connection is None or connection.connection.closed or connection.needs_rollback:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_WRITTEN if connection.in_atomic_block else _ALL)
        tables = [table for (table,) in cursor.fetchall()]
        rows = [f"SELECT '{table}', string_agg(t::text, ' ') FROM {table} AS t" for table in tables]
        cursor.execute(" UNION ALL ".join(rows) or "SELECT '', ''")
        return {table: text or "" for table, text in cursor.fetchall()}
