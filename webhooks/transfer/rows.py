"""What a file of webhooks says of each: the columns, and which values they take. Pure, for both formats."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FORMAT: Final = "signalbox.webhooks"
VERSION: Final = 1
MAX_ROWS: Final = 1_000
MAX_BYTES: Final = 2 * 1024 * 1024

TEXTS: Final = ("workflow_name", "url", "description", "payload_format", "signature_scheme", "retry_schedule")
NUMBERS: Final = ("max_retries", "timeout_ms", "max_concurrency", "rate_limit_per_minute")
SWITCHES: Final = ("is_active", "retry_client_errors")
LISTS: Final = ("event_types", "header_names")
COLUMNS: Final = (
    *("workflow_name", "url", "description", "is_active", "event_types", "header_names", "payload_format"),
    *("signature_scheme", "retry_schedule", "max_retries", "retry_client_errors", "timeout_ms", "max_concurrency"),
    *("rate_limit_per_minute", "sealed"),
)
# JSON can hold NUL and halves of characters, and PostgreSQL neither.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
# What may be null in a file; the others are left out instead.
_NULLABLE: Final = frozenset({"url", "max_retries", "rate_limit_per_minute"})


class FileError(Exception):
    """The file as a whole cannot be read; nothing of it was."""


@dataclass(slots=True)
class FileRow:
    """One webhook of a file: its place there, from 1, its values, and what is wrong with them by column."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)

    @property
    def workflow_name(self) -> str:
        name = self.values.get("workflow_name")
        return shown(name, 1_000) if isinstance(name, str) else ""

    def refuse(self, column: str, reason: str) -> None:
        self.problems.setdefault(column, []).append(reason)


def shown(text: str, length: int = 60) -> str:
    """Return text of a file as it can stand in a message: cut, halves of characters as question marks."""
    return text[:length].encode("utf-8", "replace").decode()


def checked_rows(rows: list[FileRow]) -> list[FileRow]:
    """Refuse columns that do not exist, values of another kind, and names that stand in the file twice."""
    if len(rows) > MAX_ROWS:
        raise FileError(f"The file has {len(rows):,} webhooks; at most {MAX_ROWS:,} are taken at a time.")
    first_at: dict[str, int] = {}
    for row in rows:
        for column, value in list(row.values.items()):
            if (reason := _problem(column, value)) is not None:
                row.refuse(shown(column), reason)
        if not row.workflow_name:
            row.refuse("workflow_name", "This field is required.")
        elif first_at.setdefault(row.workflow_name, row.number) != row.number:
            row.refuse("workflow_name", f"It stands in row {first_at[row.workflow_name]} already.")
    return rows


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a row is written to the webhook as it is."""
    apart = {"workflow_name", "header_names", "sealed"}
    return {column: value for column, value in values.items() if column not in apart}


def _problem(column: str, value: object) -> str | None:
    if column not in COLUMNS:
        return f"There is no such column. There are {', '.join(COLUMNS)}."
    if value is None:
        return None if column in _NULLABLE else "Leave it out, or give a value."
    if column in NUMBERS:
        return None if isinstance(value, int) and not isinstance(value, bool) else "Give a whole number."
    if column in SWITCHES:
        return None if isinstance(value, bool) else "Give true or false."
    texts = value if column in LISTS else [value]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return "Give a list of texts." if column in LISTS else "Give a text."
    return "It holds a character that cannot be stored." if any(map(_UNSTORABLE.search, texts)) else None
