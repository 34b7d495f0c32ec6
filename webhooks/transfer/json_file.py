"""The JSON form of a file of webhooks: `{"format": "signalbox.webhooks", "version": 1, "webhooks": […]}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from webhooks.transfer.rows import COLUMNS, FORMAT, MAX_BYTES, VERSION, FileError, FileRow, checked_rows, shown


def write_json(rows: Sequence[dict[str, Any]], *, salt: str | None = None) -> str:
    """Return the file; `salt` is what the passphrase of its sealed secrets is mixed with."""
    document: dict[str, Any] = {"format": FORMAT, "version": VERSION}
    if salt is not None:
        document["salt"] = salt
    document["webhooks"] = [{column: row[column] for column in COLUMNS if column in row} for row in rows]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def read_json(text: str) -> tuple[list[FileRow], str | None]:
    """Return the rows, checked, and the salt. Raises FileError for what is no whole file of webhooks."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise FileError(f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    try:
        document = json.loads(text)
    except RecursionError:
        raise FileError("The file is nested too deeply.") from None
    except ValueError as error:
        raise FileError(f"The file is no whole JSON: {error}.") from None
    return rows_of_document(document)


def rows_of_document(document: object) -> tuple[list[FileRow], str | None]:
    """Return the rows of JSON that was read, checked, and the salt. Raises FileError."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise FileError(f'The file must be a JSON object with "format": "{FORMAT}", as the export writes it.')
    if document.get("version") != VERSION:
        raise FileError(f"This site reads version {VERSION} of the file only.")
    if unknown := document.keys() - {"format", "version", "salt", "webhooks"}:
        raise FileError(f"There is no member {shown(min(unknown))}.")
    webhooks, salt = document.get("webhooks"), document.get("salt")
    if not isinstance(webhooks, list) or not (salt is None or isinstance(salt, str)):
        raise FileError('"webhooks" must be a list, and "salt" a text.')
    rows = []
    for number, values in enumerate(webhooks, start=1):
        row = FileRow(number, dict(values) if isinstance(values, dict) else {})
        if not isinstance(values, dict):
            row.refuse("row", "Give an object.")
        rows.append(row)
    return checked_rows(rows), salt
