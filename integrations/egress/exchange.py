"""One connection, and on it one POST after another (HTTP/1.1, without pipelining)."""

from __future__ import annotations

import asyncio
from typing import cast

from integrations.egress.answer_reader import AnswerReader, BadAnswerError, Received
from integrations.egress.errors import FailureKind, TransportError
from integrations.egress.timing import READING, WAITING, Timing


class Connection(asyncio.Protocol):
    """`is_open` says whether a request may be sent on it; `has_begun`, whether a byte of the answer has come."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._reader = AnswerReader()
        self.is_open = False
        self.has_begun = False
        self.opened_at = self.idle_since = loop.time()
        self._why_closed = "the other side closed it"
        self._transport: asyncio.Transport
        self._timing: Timing
        self._answered: asyncio.Future[None] | None = None

    # --- For who sends ----------------------------------------------------------------------------------------

    async def exchange(self, request: bytes, timing: Timing) -> Received:
        """Send a whole request and return its answer. Raises TransportError, and TimeoutError after `expire`.

        Whoever calls then keeps the connection if it `is_reusable`, and closes it otherwise, also when cancelled.
        """
        self._timing = timing
        timing.stage = WAITING
        self._reader.begin()
        self.has_begun = False
        self._answered = answered = self._loop.create_future()
        if self.is_open:
            timing.was_written = True
            self._transport.write(request)
        else:
            self._lose(self._why_closed)
        await answered
        return self._reader.received()

    @property
    def is_reusable(self) -> bool:
        """Whether the last answer ended properly, and all of its request was sent before."""
        return self.is_open and self._reader.is_clean and not self._transport.get_write_buffer_size()

    def expire(self) -> None:
        """Let the exchange that is under way end with TimeoutError."""
        self._fail(TimeoutError())

    def close(self) -> None:
        """Close at once, whatever is still to be sent or read. May be called again."""
        if self.is_open:
            self.is_open = False
            self._transport.abort()

    # --- Called by the event loop -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        if not self._is_waiting:
            # The next request must not take it for its answer.
            self._why_closed = "the other side spoke without being asked"
            self.close()
            return
        if not self.has_begun:
            self.has_begun = True
            self._timing.first_byte_ms = self._timing.elapsed_ms()
        try:
            self._reader.feed(data)
        except BadAnswerError as error:
            self._refuse(error)
        else:
            self._look_at_answer()

    def eof_received(self) -> None:
        self.is_open = False
        self._end()
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False
        if error is None:
            self._end()
        else:
            self._lose(getattr(error, "strerror", None) or str(error) or type(error).__name__)

    # ----------------------------------------------------------------------------------------------------------

    @property
    def _is_waiting(self) -> bool:
        return self._answered is not None and not self._answered.done()

    def _look_at_answer(self) -> None:
        if self._answered is not None and self._reader.is_complete:
            self._answered.set_result(None)
        elif self._reader.has_head:
            self._timing.stage = READING

    def _end(self) -> None:
        """Nothing more will come."""
        if not self._is_waiting:
            return
        if not self._reader.has_head:
            self._lose(self._why_closed)
            return
        try:
            self._reader.end()
        except BadAnswerError as error:
            self._refuse(error)
        else:
            self._look_at_answer()

    def _refuse(self, error: BadAnswerError) -> None:
        message = f"The answer was no valid HTTP: {error}."
        self._fail(TransportError(FailureKind.PROTOCOL, message, self._timing))

    def _lose(self, words: str) -> None:
        if self._is_waiting:
            message = f"The connection was lost ({self._timing.stage}): {words}."
            self._fail(TransportError(FailureKind.CONNECT, message, self._timing))

    def _fail(self, error: Exception) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)
