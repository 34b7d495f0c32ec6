"""Files of webhooks: both formats, and secrets sealed in them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.transfer.csv_file import read_csv, write_csv
from webhooks.transfer.json_file import read_json, write_json
from webhooks.transfer.rows import FileError, FileRow
from webhooks.transfer.sealing import Seal, SealError

ROW: dict[str, Any] = {
    "workflow_name": "contact_form",
    "url": None,
    "description": 'Leads, of "all" kinds\nand lines',
    "is_active": True,
    "event_types": ["contact.*", "order.paid"],
    "header_names": [],
    "payload_format": "raw",
    "signature_scheme": "hmac",
    "retry_schedule": "durable",
    "max_retries": None,
    "retry_client_errors": False,
    "timeout_ms": 30000,
    "max_concurrency": 16,
    "rate_limit_per_minute": 60,
}


def read_one(text: str) -> FileRow:
    rows, _ = read_csv(text)
    (row,) = rows
    return row


def test_json_brings_back_what_was_written() -> None:
    rows, salt = read_json(write_json([ROW], salt="c2FsdA=="))
    assert [(row.number, row.values, row.problems) for row in rows] == [(1, ROW, {})]
    assert salt == "c2FsdA=="


def test_csv_brings_back_what_was_written() -> None:
    rows, salt = read_csv(write_csv([ROW, {**ROW, "workflow_name": "b"}], salt="c2FsdA=="))
    # A blank cell and an empty list are the same in CSV: neither changes anything.
    values = {name: value for name, value in ROW.items() if value != []}
    assert [(row.number, row.values, row.problems) for row in rows] == [
        (2, values, {}),
        (3, {**values, "workflow_name": "b"}, {}),
    ]
    assert salt == "c2FsdA=="


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=40))
def test_csv_brings_back_any_text(text: str) -> None:
    row = read_one(write_csv([{"workflow_name": "a", "description": text}]))
    assert (row.values["description"], row.problems) == (text, {})


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=40))
def test_csv_writes_no_cell_that_a_spreadsheet_would_run(text: str) -> None:
    import csv
    import io

    (_, cells) = csv.reader(io.StringIO(write_csv([{"workflow_name": "a", "description": text}]), newline=""))
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_csv_refuses_a_hostile_cell_and_names_it(cell: str) -> None:
    row = read_one(f'workflow_name,description\r\na,"{cell}"\r\n')
    assert list(row.problems) == ["description"]
    assert "formula" in row.problems["description"][0]


@pytest.mark.parametrize(
    "text",
    ["", "a,b\r\n1,2\r\n", "workflow_name,workflow_name\r\na,b\r\n", 'workflow_name\r\n"half', "workflow_name\r\n\0x"],
)
def test_csv_refuses_what_is_no_whole_file(text: str) -> None:
    if "\0" in text:
        assert read_one(text).problems
        return
    with pytest.raises(FileError):
        read_csv(text)


def test_csv_refuses_a_row_with_more_or_fewer_cells_than_columns() -> None:
    rows, _ = read_csv("workflow_name,url\r\na\r\nb,https://x.example,more\r\nc,https://c.example\r\n")
    assert [list(row.problems) for row in rows] == [["row", "workflow_name"], ["row", "workflow_name"], []]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        write_json([ROW])[:-20],
        "[]",
        '{"format": "other"}',
        '{"format": "signalbox.webhooks", "version": 2, "webhooks": []}',
        '{"format": "signalbox.webhooks", "version": 1, "webhooks": {}}',
        '{"format": "signalbox.webhooks", "version": 1, "webhooks": [], "more": 1}',
        "[" * 100_000,
        '{"format": "signalbox.webhooks", "version": 1, "webhooks": [' + "{}," * 1000 + "{}]}",
        " " * (2 * 1024 * 1024 + 1),
    ],
    ids=["empty", "brace", "half", "list", "other", "version", "object", "member", "deep", "many", "large"],
)
def test_json_refuses_what_is_no_whole_file(text: str) -> None:
    with pytest.raises(FileError):
        read_json(text)


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"workflow_name": "a", "colour": "red"}, "colour"),
        ({"workflow_name": "a", "is_active": "yes"}, "is_active"),
        ({"workflow_name": "a", "timeout_ms": "30 s"}, "timeout_ms"),
        ({"workflow_name": "a", "timeout_ms": True}, "timeout_ms"),
        ({"workflow_name": "a", "event_types": "contact.*"}, "event_types"),
        ({"workflow_name": "a", "description": None}, "description"),
        ({"workflow_name": 7}, "workflow_name"),
        ({}, "workflow_name"),
    ],
)
def test_names_the_column_that_is_wrong(values: dict[str, Any], column: str) -> None:
    (row,), _ = read_json(write_json([]).replace("[]", __import__("json").dumps([values])))
    assert column in row.problems


def test_refuses_a_name_that_stands_in_the_file_twice() -> None:
    rows, _ = read_csv("workflow_name\r\na\r\nb\r\na\r\n")
    assert [row.problems for row in rows] == [{}, {}, {"workflow_name": ["It stands in row 2 already."]}]


def test_seals_for_one_passphrase_and_one_row() -> None:
    seal = Seal("correct horse battery")
    sealed = seal.close("a", {"auth_token": "t0k3n"})
    assert "t0k3n" not in sealed
    again = Seal("correct horse battery", seal.salt)
    assert again.open("a", sealed) == {"auth_token": "t0k3n"}
    for opener, name, text in (
        (Seal("another passphrase", seal.salt), "a", sealed),
        (again, "b", sealed),
        (again, "a", sealed[:-8]),
        (again, "a", "nonsense!"),
    ):
        with pytest.raises(SealError):
            opener.open(name, text)


def test_refuses_sealed_content_that_is_no_object() -> None:
    seal = Seal("correct horse battery")
    with pytest.raises(SealError, match="no secrets"):
        seal.open("a", seal.close("a", ["x"]))  # type: ignore[arg-type]


def test_refuses_a_short_passphrase() -> None:
    with pytest.raises(ValueError, match="at least 12"):
        Seal("short")


@pytest.mark.parametrize("column", ["workflow_name", "event_types"])
@pytest.mark.parametrize("escape", [r"\u0000", r"\ud800"])
def test_refuses_what_no_database_can_store(column: str, escape: str) -> None:
    value = f'"a{escape}"'
    values = {"workflow_name": '"a"', column: f"[{value}]" if column == "event_types" else value}
    webhook = ", ".join(f'"{name}": {text}' for name, text in values.items())
    (row,), _ = read_json(f'{{"format": "signalbox.webhooks", "version": 1, "webhooks": [{{{webhook}}}]}}')
    assert row.problems == {column: ["It holds a character that cannot be stored."]}
