"""The CSV form of a file of webhooks: a line of column names, then a line for each webhook.

Spreadsheets run what begins like a formula. So a cell that does is written with an apostrophe before it, which is taken
away again when the file is read; one that comes without the apostrophe is refused, since somebody else wrote it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from integrations.spreadsheets import APOSTROPHE, FORMULA_BEGINNINGS, harmless_cell
from webhooks.transfer.rows import COLUMNS, LISTS, MAX_BYTES, NUMBERS, SWITCHES, FileError, FileRow, checked_rows

_SALT: Final = "salt"
_WORDS: Final = {"true": True, "false": False}
_NULL: Final = "null"


def write_csv(rows: Sequence[dict[str, Any]], *, salt: str | None = None) -> str:
    """Return the file. Blank cells are values that are not given; `null` stands for none."""
    columns = [*COLUMNS, _SALT] if salt is not None else list(COLUMNS)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")  # RFC 4180
    writer.writerow(columns)
    for row in rows:
        cells = [_cell(row[column]) if column in row else "" for column in COLUMNS]
        writer.writerow([*cells, salt] if salt is not None else cells)
    return text.getvalue()


def read_csv(text: str) -> tuple[list[FileRow], str | None]:
    """Return the rows, checked, and the salt. Raises FileError for what is no whole file of webhooks."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        raise FileError(f"The file is larger than {MAX_BYTES // 1024 // 1024} MiB.")
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        lines = list(reader)
    except csv.Error as error:
        raise FileError(f"The file is no whole CSV: line {reader.line_num}: {error}.") from None
    if not lines:
        raise FileError("The file is empty.")
    columns, *lines = lines
    if "workflow_name" not in columns:
        raise FileError("The first line must name the columns, workflow_name among them.")
    if len(set(columns)) != len(columns):
        raise FileError("The first line names a column twice.")
    rows, salts = [], set()
    for number, cells in enumerate(lines, start=2):
        if not cells:
            continue
        row = FileRow(number)
        if len(cells) != len(columns):
            row.refuse("row", f"It has {len(cells)} cells, the first line {len(columns)}.")
        else:
            given = dict(zip(columns, cells, strict=True))
            if salt := given.pop(_SALT, ""):
                salts.add(salt)
            _read_cells(row, given)
        rows.append(row)
    if len(salts) > 1:
        raise FileError("The rows have different salts: they are of several files.")
    return checked_rows(rows), next(iter(salts), None)


def _cell(value: Any) -> str:
    if value is None:
        return _NULL
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        value = " ".join(value)
    text = str(value)
    return APOSTROPHE + text if text == _NULL else harmless_cell(text)


def _read_cells(row: FileRow, cells: dict[str, str]) -> None:
    for column, cell in cells.items():
        if not cell:
            continue
        if cell.startswith(FORMULA_BEGINNINGS):
            row.refuse(
                column[:60], "It begins like a formula of a spreadsheet. Write an apostrophe before it if it is meant."
            )
        elif "\0" in cell:
            row.refuse(column[:60], "It holds the character NUL.")
        else:
            row.values[column] = _value(column, cell)


def _value(column: str, cell: str) -> Any:
    """Return the value that a cell stands for; what it cannot stand for is refused with the others later."""
    if cell == _NULL:
        return None
    text = cell[1:] if cell.startswith(APOSTROPHE) else cell
    if column in SWITCHES:
        return _WORDS.get(text.lower(), text)
    if column in NUMBERS:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text
    if column in LISTS:
        return text.split()
    return text
