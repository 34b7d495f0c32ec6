"""What is read of an answer, whatever it is cut into; and what is refused, and how soon."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.egress.answer_reader import (
    FRAMING_LIMIT,
    MAX_HEADERS,
    READ_LIMIT,
    WIRE_LIMIT,
    AnswerReader,
    BadAnswerError,
    Received,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def read(*pieces: bytes, ends: bool = False) -> AnswerReader:
    reader = AnswerReader()
    for piece in pieces:
        reader.feed(piece)
    if ends:
        reader.end()
    return reader


def problem(*pieces: bytes, ends: bool = False) -> str:
    with pytest.raises(BadAnswerError) as caught:
        read(*pieces, ends=ends)
    return str(caught.value)


WHOLE = {
    "length": (OK + b"Content-Length: 2\r\n\r\nok", b"ok"),
    "no body": (OK + b"Content-Length: 0\r\n\r\n", b""),
    "chunks": (CHUNKED + b"1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", b"ok"),
    "chunks and trailers": (CHUNKED + b"2\r\nok\r\n0\r\nX-T: 1\r\n\r\n", b"ok"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
    "HTTP/1.0 that keeps alive": (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "interim answers first": (EARLY + b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", b"ok"),
    "line feeds alone": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", b"ok"),
    "folded header": (OK + b"X-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    "unknown status": (b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\nok", b"ok"),
}


@pytest.mark.parametrize(("answer", "body"), WHOLE.values(), ids=WHOLE)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_feed_reads_a_whole_answer_whatever_it_is_cut_into(answer: bytes, body: bytes, size: int) -> None:
    reader = read(*(answer[at : at + size] for at in range(0, len(answer), size)))

    assert (reader.is_complete, reader.is_clean, reader.received().body) == (True, True, body)


LAST = {
    "Connection: close": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0 in chunks": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "bytes behind it": OK + b"Content-Length: 2\r\n\r\nok!",
    "an answer behind it": OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 500 No\r\nX-A: b\r\nContent-Length: 1\r\n\r\nx",
    "an interim answer behind it": OK + b"Content-Length: 2\r\n\r\nok" + EARLY,
    "more than its length": OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nokok",
}


@pytest.mark.parametrize("answer", LAST.values(), ids=LAST)
def test_feed_says_when_no_other_answer_may_follow(answer: bytes) -> None:
    reader = read(answer)

    assert (reader.is_complete, reader.is_clean) == (True, False)
    received = reader.received()
    assert (received.status, received.body, received.is_cut, b"x-a" in received.headers) == (200, b"ok", False, False)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_feed_takes_a_body_that_may_not_be_there_for_something_else(status: bytes) -> None:
    reader = read(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")

    assert (reader.is_complete, reader.is_clean, reader.received().body) == (True, False, b"")


@pytest.mark.parametrize("upgrade", [b"", b"Connection: upgrade\r\nUpgrade: x\r\n"])
def test_feed_takes_switching_protocols_for_a_last_answer(upgrade: bytes) -> None:
    reader = read(b"HTTP/1.1 101 Switching Protocols\r\n" + upgrade + b"\r\n\0\1\2")

    assert (reader.is_complete, reader.is_clean, reader.received().status) == (True, False, 101)


REFUSED = {
    "length and chunks": OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks and length": OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "two lengths": OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a list of lengths": OK + b"Content-Length: 2, 2\r\n\r\nok",
    "negative length": OK + b"Content-Length: -1\r\n\r\n",
    "signed length": OK + b"Content-Length: +2\r\n\r\nok",
    "length beyond 64 bits": OK + b"Content-Length: 99999999999999999999\r\n\r\n",
    "chunk size beyond 64 bits": CHUNKED + b"fffffffffffffffff\r\n",
    "chunk size is no number": CHUNKED + b"zz\r\n",
    "chunk size is negative": CHUNKED + b"-1\r\n",
    "chunk size is empty": CHUNKED + b"\r\n\r\n",
    "chunk longer than its size": CHUNKED + b"1\r\nok\r\n",
    "NUL in a header": OK + b"X-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "NUL in a name": OK + b"X\0A: a\r\n\r\n",
    "status 99": b"HTTP/1.1 099 No\r\n\r\n",
    "status 2000": b"HTTP/1.1 2000 OK\r\n\r\n",
    "HTTP/9": b"HTTP/9.9 200 OK\r\n\r\n",
    "a request": b"POST / HTTP/1.1\r\n\r\n",
    "another protocol": b"220 mail.example ESMTP\r\n",
    "too many headers": OK + b"X-A: a\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    "10,000 headers": OK + b"".join(b"X-%d: a\r\n" % number for number in range(10_000)) + b"\r\n",
    "too many trailers": CHUNKED + b"1\r\nx\r\n0\r\n" + b"X-A: a\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    "too many interim answers": EARLY * 17,
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
def test_feed_refuses_an_answer_that_breaks_the_rules(answer: bytes) -> None:
    problem(answer)
    problem(*(answer[at : at + 1] for at in range(len(answer))))


ENDLESS = {
    "status line": (b"HTTP/1.1 200 ", b"a"),
    "header name": (OK, b"a"),
    "header value": (OK + b"X-A: ", b"a"),
    "chunk size": (CHUNKED, b"0"),
    "chunk extension": (CHUNKED + b"1;", b"a"),
    "trailer": (CHUNKED + b"1\r\nx\r\n0\r\nX-A: ", b"a"),
    "blank lines before it": (b"", b"\r\n"),
}


@pytest.mark.parametrize(("start", "piece"), ENDLESS.values(), ids=ENDLESS)
def test_feed_gives_up_framing_that_never_ends(start: bytes, piece: bytes) -> None:
    reader = read(start)
    pieces = 0
    with pytest.raises(BadAnswerError):
        while pieces < 1000:
            reader.feed(piece * 1000)
            pieces += 1
    assert pieces * 1000 * len(piece) <= FRAMING_LIMIT + len(start)


def test_feed_gives_up_a_body_that_is_nearly_all_framing() -> None:
    reader = read(CHUNKED)
    received = 0
    with pytest.raises(BadAnswerError, match="come to an end"):
        while received < 2 * WIRE_LIMIT:
            piece = b"1;" + b"a" * 1000 + b"\r\nx\r\n"
            reader.feed(piece)
            received += len(piece)
    assert received <= WIRE_LIMIT


def test_feed_reads_a_body_of_the_largest_size_in_the_smallest_chunks() -> None:
    reader = read(CHUNKED, b"1\r\nx\r\n" * READ_LIMIT, b"0\r\n\r\n")

    assert (reader.is_clean, reader.received().is_cut, len(reader.received().body)) == (True, False, READ_LIMIT)


@pytest.mark.parametrize(("size", "is_cut"), [(READ_LIMIT, False), (READ_LIMIT + 1, True), (10 * READ_LIMIT, True)])
def test_feed_keeps_a_body_up_to_the_limit(size: int, is_cut: bool) -> None:
    reader = read(OK + b"Content-Length: %d\r\n\r\n" % size, b"x" * size)

    received = reader.received()
    assert (received.is_cut, len(received.body), reader.is_clean) == (is_cut, min(size, READ_LIMIT), not is_cut)


@pytest.mark.parametrize(
    "head", [OK, b"HTTP/1.0 200 OK\r\n", OK + b"Transfer-Encoding: gzip\r\n", OK + b"Connection: keep-alive\r\n"]
)
def test_end_completes_an_answer_that_ends_with_the_connection(head: bytes) -> None:
    reader = read(head + b"\r\n", b"o", b"k")
    assert not reader.is_complete
    reader.end()

    assert (reader.is_complete, reader.is_clean, reader.received().body) == (True, False, b"ok")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        OK + b"X-A: a\r\n",
        OK + b"Content-Length: 3\r\n\r\nok",
        OK + b"Connection: close\r\nContent-Length: 3\r\n\r\nok",
        CHUNKED,
        CHUNKED + b"2\r\nok\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: gzip, Chunked \r\n\r\n2\r\nok\r\n",
        CHUNKED + b"2\r\nok\r\n0\r\n",
        EARLY,
    ],
)
def test_end_refuses_an_answer_that_is_not_complete(answer: bytes) -> None:
    assert problem(answer, ends=True) == "it ended before it was complete"


def test_received_keeps_the_first_of_several_headers_and_no_trailer() -> None:
    answer = OK + b"X-A: 1\r\nx-a: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-T: 3\r\n\r\n"

    assert read(answer).received().headers == {b"x-a": b"1", b"transfer-encoding": b"chunked"}


def test_begin_forgets_the_last_answer() -> None:
    reader = read(EARLY * 16 + OK + b"X-A: a\r\nContent-Length: 2\r\n\r\nok")
    reader.begin()
    assert not reader.is_complete
    reader.feed(EARLY * 16 + b"HTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx")

    assert reader.received() == Received(404, {b"content-length": b"1"}, b"x", False)


_pieces = st.sampled_from(
    [OK, EARLY, b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"\r\n", b"5\r\n", b"hello", b"0\r\n\r\n"]
)  # fmt: skip


@given(pieces=st.lists(_pieces | st.binary(max_size=4), max_size=9), size=st.integers(1, 30))
def test_feed_comes_to_the_same_whatever_an_answer_is_cut_into(pieces: list[bytes], size: int) -> None:
    whole = b"".join(pieces)

    def outcome(parts: Iterable[bytes]) -> object:
        reader = AnswerReader()
        try:
            for part in parts:
                reader.feed(part)
                if reader.is_complete:
                    return reader.received()
        except BadAnswerError as error:
            return str(error)
        return None

    assert outcome([whole]) == outcome(whole[at : at + size] for at in range(0, len(whole), size))
