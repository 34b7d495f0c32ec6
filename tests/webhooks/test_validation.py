from __future__ import annotations

import pytest

from webhooks.validation import (
    auth_token_problems,
    event_type_problems,
    header_problems,
    header_set_problems,
    name_problems,
    without_duplicates,
)


@pytest.mark.parametrize("name", ["a", "0", "contact-form", "sync_contacts_2", "tests", "a" * 100])
def test_accepts_name_when_it_follows_the_pattern(name: str) -> None:
    assert name_problems(name) == []


@pytest.mark.parametrize("name", ["", "-a", "_a", "Contact", "a b", "a/b", "a.b", "ä", "a\n", "a\x00", "٣"])
def test_refuses_name_when_it_leaves_the_pattern(name: str) -> None:
    assert name_problems(name) == ["Use lower-case letters, digits, _ and -, beginning with a letter or digit."]


def test_refuses_name_when_it_is_longer_than_100_characters() -> None:
    assert name_problems("a" * 101) == ["Use at most 100 characters."]


@pytest.mark.parametrize("name", ["analytics", "broadcast", "import", "export", "test"])
def test_refuses_name_when_it_is_reserved(name: str) -> None:
    assert name_problems(name) == [f"{name} is reserved: choose another name."]


@pytest.mark.parametrize("name", ["0190f6ae-7b1a-7c3e-8d0a-000000000001", "0190f6ae7b1a7c3e8d0a000000000001"])
def test_refuses_name_when_it_looks_like_an_id(name: str) -> None:
    assert name_problems(name) == ["A name must not look like an id: choose another name."]


@pytest.mark.parametrize("pattern", ["*", "order", "order.paid", "order.*", "a_1.b.c.*", "a" * 128])
def test_accepts_event_type_when_it_is_a_type_or_a_prefix(pattern: str) -> None:
    assert event_type_problems([pattern]) == []


@pytest.mark.parametrize(
    "pattern",
    ["", ".", "order.", ".paid", "order..paid", "Order", "order.*.paid", "order*", "**", "a b", "a\n", 5, None],
)
def test_refuses_event_type_when_it_is_malformed(pattern: object) -> None:
    problems = event_type_problems(["order.paid", pattern])
    assert len(problems) == 1
    assert problems[0].startswith(f"{str(pattern)!r} is no event type: ")


def test_refuses_event_types_when_there_are_more_than_50() -> None:
    assert event_type_problems([f"a{number}" for number in range(50)]) == []
    assert event_type_problems([f"a{number}" for number in range(51)]) == ["Use at most 50 patterns."]


def test_refuses_event_type_when_it_is_longer_than_128_characters() -> None:
    assert event_type_problems(["a" * 129]) == [f"'{'a' * 57}...' is longer than 128 characters."]


def test_keeps_each_event_type_once_in_order() -> None:
    assert without_duplicates(["b", "a", "b", "c", "a"]) == ["b", "a", "c"]


@pytest.mark.parametrize("name", ["X-Api-Key", "x-tenant", "Authorization", "User-Agent", "Cookie", "X!#$%&'*+.^_`|~"])
def test_accepts_header_when_its_name_is_a_token(name: str) -> None:
    assert header_problems({name: "a b\tc"}) == []


@pytest.mark.parametrize("name", ["", "X Key", "X-Key:", "X\r\nY", "Ключ", "X(1)", "a" * 101])
def test_refuses_header_when_its_name_is_no_token(name: str) -> None:
    problems = header_problems({name: "value"})
    assert len(problems) == 1
    assert "is no header name" in problems[0]


@pytest.mark.parametrize(
    "name",
    [
        *("Host", "content-length", "Content-Type", "TRANSFER-ENCODING", "Connection", "Keep-Alive", "TE", "Trailer"),
        *("Upgrade", "Expect", "Accept-Encoding", "Content-Encoding", "Proxy-Authorization", "Webhook-Signature"),
        *("webhook-id", "X-Signalbox-Event-Id"),
    ],
)
def test_refuses_header_when_signalbox_sets_it(name: str) -> None:
    assert header_problems({name: "value"}) == [f"{name} is set by Signalbox and cannot be chosen."]


def test_refuses_authorization_header_when_there_is_an_auth_token() -> None:
    assert header_set_problems(["X-Key", "authorization"], has_auth_token=True) == [
        "Authorization is sent from auth_token: remove one of the two."
    ]


def test_refuses_header_when_it_has_no_value() -> None:
    assert header_problems({"X-Key": ""}) == ["'X-Key' needs a value."]


@pytest.mark.parametrize("value", [" ", "a\r\nX: y", "a\n", "a\x00", "a\x7f", " a", "a ", "ä", "a\x1b"])
def test_refuses_header_when_its_value_could_break_the_request_and_does_not_repeat_it(value: str) -> None:
    assert header_problems({"X-Key": value}) == [
        "'X-Key' must be printable ASCII without line breaks or blanks at its ends."
    ]


def test_refuses_header_when_its_value_is_longer_than_4096_characters() -> None:
    assert header_problems({"X-Key": "a" * 4096}) == []
    assert header_problems({"X-Key": "a" * 4097}) == ["'X-Key' has more than 4096 characters."]


def test_refuses_headers_when_there_are_more_than_50() -> None:
    names = [f"X-{number}" for number in range(51)]
    assert header_set_problems(names[:50], has_auth_token=True) == []
    assert header_set_problems(names, has_auth_token=True) == ["Use at most 50 headers."]


def test_accepts_authorization_header_when_there_is_no_auth_token() -> None:
    assert header_set_problems(["Authorization"], has_auth_token=False) == []


def test_accepts_auth_token_when_it_fits_a_header() -> None:
    assert auth_token_problems("eyJhbGciOi.J9+/=~") == []


@pytest.mark.parametrize("token", ["", "a b", "a\r\nb", "ä", "a\t", "\x00"])
def test_refuses_auth_token_when_it_does_not_fit_a_header(token: str) -> None:
    assert auth_token_problems(token) == [
        "Use printable ASCII without blanks: it is sent in an Authorization header, without the word Bearer."
    ]


def test_refuses_auth_token_when_it_is_longer_than_4096_characters() -> None:
    assert auth_token_problems("a" * 4097) == ["Use at most 4096 characters."]
