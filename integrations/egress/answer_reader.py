"""Reading answers to a POST, with a bound on everything that the other side may say. Pure: it is fed bytes.

llhttp (`httptools`) parses. It takes what sloppy servers send: line feeds alone, folded lines and odd characters in
headers, blanks behind a chunk's size. What decides where an answer ends is read strictly.
"""

from __future__ import annotations

from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

# Of a body; the rest is cut off.
READ_LIMIT = 64 * 1024
# What may come without a byte of the body in it: heads, the sizes and extensions of chunks, trailers.
FRAMING_LIMIT = 64 * 1024
MAX_HEADERS = 256
# 100 Continue, 102 Processing and 103 Early Hints come once or a few times.
MAX_INTERIM_ANSWERS = 16
# All that is received for one request; a body of the largest size in chunks of one byte is less than half of it.
WIRE_LIMIT = 1024 * 1024
_SWITCHING_PROTOCOLS = 101


class BadAnswerError(Exception):
    """No HTTP, or out of bounds. The text says why in general words, and repeats nothing that was received."""


class Received(NamedTuple):
    """An answer as it came. The names of `headers` are in lower case; of several with one name the first counts."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    is_cut: bool


class AnswerReader:
    """Reads the answers of one connection, one after another.

    `is_complete` is for the whole answer, or as much of it as is kept. `is_clean` says then that another may follow it:
    it ended where it said, nothing came behind it, and the other side keeps the connection.
    """

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self.begin()

    def begin(self) -> None:
        """Forget the last answer: what comes now belongs to another request."""
        self.is_complete = self.is_clean = self._is_cut = False
        self._wire = self._framing = self._size = self._interim_answers = 0
        self._problem = ""
        self._body: list[bytes] = []
        self._expect_head()

    def _expect_head(self) -> None:
        self.has_head = False
        self._status = self._header_count = 0
        self._headers: dict[bytes, bytes] = {}

    def feed(self, data: bytes) -> None:
        """Read on. Raises BadAnswerError."""
        self._wire += len(data)
        self._framing += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.is_clean = False
            if not self.is_complete:
                raise BadAnswerError(self._problem or str(error)) from None
        if not self.is_complete and (self._framing > FRAMING_LIMIT or self._wire > WIRE_LIMIT):
            raise BadAnswerError("it does not come to an end")

    def end(self) -> None:
        """Take note that nothing more will come; some answers end so. Raises BadAnswerError if this one does not."""
        coding = self._headers.get(b"transfer-encoding", b"").strip().lower()
        if not self.has_head or b"content-length" in self._headers or coding.endswith(b"chunked"):
            raise BadAnswerError("it ended before it was complete")
        self.is_complete = True

    def received(self) -> Received:
        return Received(self._status, self._headers, b"".join(self._body), self._is_cut)

    # --- Called by the parser ---------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.is_complete:
            self._refuse("something came behind it")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_count += 1
        if self._header_count > MAX_HEADERS:
            self._refuse("it has too many headers")
        if b"\0" in value:
            self._refuse("a header holds a NUL")
        if not self.has_head:  # else it is a trailer, which nobody asked for
            self._headers.setdefault(name.lower(), value)

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        if self._status < 100:
            self._refuse("its status is less than 100")
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        self._framing = 0
        self._body.append(data)
        self._size += len(data)
        if self._size > READ_LIMIT:
            self._body = [b"".join(self._body)[:READ_LIMIT]]
            self.is_complete = self._is_cut = True
            self._refuse("enough of it was read")  # ends the parser's work

    def on_message_complete(self) -> None:
        if self._status >= 200 or self._status == _SWITCHING_PROTOCOLS:
            self.is_clean = self._parser.should_keep_alive()
            self.is_complete = True
            return
        self._interim_answers += 1
        if self._interim_answers > MAX_INTERIM_ANSWERS:
            self._refuse("too many interim answers came before it")
        self._expect_head()

    def _refuse(self, problem: str) -> None:
        self._problem = problem
        raise HttpParserError(problem)
