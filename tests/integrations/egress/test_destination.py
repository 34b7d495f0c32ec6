from __future__ import annotations

import pytest

from integrations.egress.destination import Destination, Origin, header_lines
from integrations.egress.errors import DestinationError, HeaderError


@pytest.mark.parametrize(
    ("url", "origin", "start"),
    [
        ("http://example.com", Origin(False, "example.com", 80), "POST / HTTP/1.1\r\nHost: example.com\r\n"),
        ("https://example.com/a?b=c", Origin(True, "example.com", 443), "POST /a?b=c HTTP/1.1\r\nHost: example.com\r\n"),
        ("https://example.com?b", Origin(True, "example.com", 443), "POST /?b HTTP/1.1\r\nHost: example.com\r\n"),
        ("https://example.com:8443//a", Origin(True, "example.com", 8443), "POST //a HTTP/1.1\r\nHost: example.com:8443"),
        ("http://[2606:4700::1111]:81/", Origin(False, "2606:4700::1111", 81), "POST / HTTP/1.1\r\nHost: [2606:4700::1111]:81"),
        ("http://bücher.example/ü", Origin(False, "xn--bcher-kva.example", 80), "POST /%C3%BC HTTP/1.1\r\nHost: xn--bcher"),
    ],
)  # fmt: skip
def test_checked_takes_a_url_apart(url: str, origin: Origin, start: str) -> None:
    destination = Destination.checked(url)

    assert destination.origin == origin
    assert destination.head.startswith(start.encode())
    assert destination.head.endswith(b"\r\nAccept-Encoding: identity\r\n")


def test_checked_refuses_what_is_no_destination() -> None:
    with pytest.raises(DestinationError):
        Destination.checked("https://10.0.0.1/")


@pytest.mark.parametrize("url", ["//example.com/", "https:///path", "ftp://example.com/", "https://example.com/ü"])
def test_of_refuses_what_no_check_returned(url: str) -> None:
    with pytest.raises(DestinationError):
        Destination.of(url)


def test_repr_shows_neither_path_nor_query() -> None:
    assert "token" not in repr(Destination.of("https://example.com/token?token=1"))


def test_header_lines_are_written_as_they_are_sent() -> None:
    assert header_lines({}) == b""
    assert header_lines({"X-A": "a: b", "X-B": "", "X-C": "\tü ~"}) == "X-A: a: b\r\nX-B: \r\nX-C: \tü ~\r\n".encode()


@pytest.mark.parametrize(
    "value", ["a\r\nX-B: b", "a\nX-B: b", "a\rX-B: b", "a\r\n", "\n", "a\r\n b", "a\0b", "a\x0bb", "a\x7fb", "a\x1b[0m", "\ud800"]
)  # fmt: skip
def test_header_lines_refuse_a_value_that_could_end_its_line(value: str) -> None:
    for headers in ({"X-A": value}, {"X-A": "a", "X-Z": value}, {"X-A": value, "X-Z": "a"}):
        with pytest.raises(HeaderError) as caught:
            header_lines(headers)
        assert "X-" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "X A", "X:A", "X-A:", "X\r\nA", "X-A: a\r\nX-B", "X\0", "Xü", "(X)"])
def test_header_lines_refuse_a_name_that_is_none(name: str) -> None:
    with pytest.raises(HeaderError):
        header_lines({"X-A": "a", name: "value"})
