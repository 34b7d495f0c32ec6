"""How aiohttp reads an answer, with bounds on what comes besides the body.

aiohttp bounds header lines and stops reading while nobody takes the body; but interim answers (100 Continue) it takes in
for as long as they come, and without a pause. A flood of them stood still a whole engine for seconds and filled its
memory by a hundred megabytes a second.
"""

from __future__ import annotations

from typing import Any

from aiohttp import ClientPayloadError
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

# 100 Continue, 102 Processing and 103 Early Hints come once or a few times.
MAX_INTERIM_ANSWERS = 16
# All that is received for one request, endless chunk sizes and trailers with it.
WIRE_LIMIT = 16 * 1024 * 1024
# Bytes that are parsed before the bounds are looked at.
_PIECE = 8 * 1024


class BoundedProtocol(ResponseHandler):
    """aiohttp's connection. Gives up what is out of bounds: the request fails, the connection is closed."""

    _received = 0
    _interim_answers = 0
    _has_given_up = False

    def set_response_params(self, **parameters: Any) -> None:
        """Begin to count anew: the connection has got a request."""
        self._received = self._interim_answers = 0
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        for start in range(0, len(data) or 1, _PIECE):
            if self._has_given_up:
                return
            super().data_received(data[start : start + _PIECE])
            if self._received > WIRE_LIMIT or self._interim_answers > MAX_INTERIM_ANSWERS:
                self._give_up()

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Hand on a final answer's head; whoever sent the request has no use for interim ones."""
        message, _ = data
        if 100 <= message.code <= 199 and message.code != 101:
            self._interim_answers += 1
        else:
            super().feed_data(data, size)

    def _give_up(self) -> None:
        self._has_given_up = True
        payload = self._payload
        if self.transport is not None:
            self.transport.abort()
        if payload is not None:
            payload.set_exception(ClientPayloadError("The answer is out of bounds."))
        self.set_exception(HttpProcessingError(code=0, message="The answer is out of bounds."))
