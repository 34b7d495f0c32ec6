from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.engine.redaction import KEPT_BYTES, Redactor

SECRET = 'tok/en"0123=ä'
URL = "https://n8n.example.com/webhook/3f9a1c?key=v"


@pytest.fixture
def redactor() -> Redactor:
    return Redactor([SECRET, "abc", "tok/en"], url=URL)


@pytest.mark.parametrize(
    "echo",
    [
        f"you sent {SECRET}!",
        'you sent tok/en\\"0123=\\u00e4!',
        "you sent tok%2Fen%220123%3D%C3%A4!",
        f"you sent {URL}!",
        "you sent /webhook/3f9a1c?key=v!",
        "you sent tok/en!",
    ],
)
def test_clean_replaces_secrets_in_every_way_they_are_written(redactor: Redactor, echo: str) -> None:
    assert redactor.clean(echo) == "you sent ***!"


def test_clean_leaves_alone_what_is_no_secret(redactor: Redactor) -> None:
    text = "abc, /webhook/other, https://n8n.example.com"

    assert redactor.clean(text) == text


def test_clean_leaves_short_paths_alone() -> None:
    assert Redactor([], url="https://example.com/hook").clean("/hook and https://example.com/hook") == (
        "/hook and https://example.com/hook"
    )


def test_stored_body_cleans_before_it_cuts() -> None:
    redactor = Redactor(["s" * 40], url="https://example.com")
    body = b"x" * (KEPT_BYTES - 20) + b"s" * 40

    stored = redactor.stored_body(body, "text/plain")

    assert stored == "x" * (KEPT_BYTES - 20) + "***"


def test_stored_body_cuts_between_characters(redactor: Redactor) -> None:
    stored = redactor.stored_body(("x" + "ä" * KEPT_BYTES).encode(), "text/plain; charset=utf-8")

    assert stored == "x" + "ä" * ((KEPT_BYTES - 1) // 2)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        (b"a\x00b", "", "a\N{REPLACEMENT CHARACTER}b"),
        (b"\xff\xfe", "text/plain", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"\xed\xa0\x80", "text/plain", "\N{REPLACEMENT CHARACTER}" * 3),
        (b"\xe4", "text/plain; charset=ISO-8859-1", "ä"),
        (b"\x80", 'text/plain; charset="windows-1252"; x=y', "€"),
        ("ä".encode(), "text/plain; charset=no-such", "ä"),
        (b"+AGE-", "text/plain; charset=utf-7", "+AGE-"),
        (b"", "", ""),
    ],
)
def test_stored_body_is_text_that_postgresql_takes(body: bytes, content_type: str, text: str) -> None:
    assert Redactor([], url="").stored_body(body, content_type) == text


def test_stored_message_is_cleaned_and_cut(redactor: Redactor) -> None:
    assert redactor.stored_message(f"{SECRET}\0") == "***\N{REPLACEMENT CHARACTER}"
    assert len(redactor.stored_message("x" * 1000)) == 500


@given(st.text(min_size=4, max_size=30), st.text(max_size=50), st.text(max_size=50))
def test_a_secret_never_survives(secret: str, before: str, after: str) -> None:
    redactor = Redactor([secret], url="https://example.com")

    stored = redactor.stored_message(f"{before}{secret}{after}")

    assert secret not in stored or secret in "***" or secret in f"{before}***{after}"
