"""A real HTTP receiver on loopback for tests: it records what arrives and answers as a test told it to."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it arrived. `path` has no query; `headers` are looked up without regard to case."""

    method: str
    path: str
    query: str
    headers: Message
    body: bytes
    at: float = field(default_factory=time.monotonic)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    reset: bool = False
    endless: bool = False
    raw: bytes | None = None


class Receiver:
    """Usage: `with Receiver() as receiver:`; paths without an answer of their own get 200 and an empty body."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._lasting: dict[str, Answer] = {}
        self._queued: dict[str, deque[Answer]] = defaultdict(deque)
        self._arrived = threading.Condition()
        self._stopping = threading.Event()
        self._server: _Server | None = None

    def start(self) -> Receiver:
        self._stopping.clear()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), name="receiver", daemon=True).start()
        return self

    def stop(self) -> None:
        self._stopping.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Receiver:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def port(self) -> int:
        assert self._server is not None, "the receiver is not running"
        return int(self._server.server_address[1])

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def answer(
        self,
        path: str,
        *,
        status: int = 200,
        body: bytes | str | dict[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
        delay: float = 0.0,
        drip: float = 0.0,
        reset: bool = False,
        endless: bool = False,
        raw: bytes | None = None,
        times: int | None = None,
    ) -> None:
        """Say what `path` answers from now on, or, with `times`, to the next so many requests (in the order of the calls).

        `delay`: seconds before the answer; `drip`: seconds between its body's bytes; `reset`: no answer but a TCP
        reset; `endless`: the body is repeated until the client leaves; `raw`: these bytes instead of an HTTP answer.
        """
        if isinstance(body, dict):
            body, headers = json.dumps(body), {"Content-Type": "application/json", **(headers or {})}
        encoded = body.encode() if isinstance(body, str) else body
        answer = Answer(status, encoded, headers or {}, delay, drip, reset, endless, raw)
        if times is None:
            self._lasting[path] = answer
        else:
            self._queued[path].extend([answer] * times)

    def wait_for(self, count: int, *, path: str | None = None, timeout: float = 10.0) -> list[Request]:
        """Return the requests (to `path`) once there are `count`; AssertionError after `timeout` seconds."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.to(path)) >= count, timeout):
                raise AssertionError(f"{len(self.to(path))} of {count} requests arrived within {timeout} s")
            return self.to(path)

    def to(self, path: str | None) -> list[Request]:
        return [request for request in self.requests if path is None or request.path == path]

    def _record(self, request: Request) -> Answer:
        with self._arrived:
            self.requests.append(request)
            queued = self._queued[request.path]
            answer = queued.popleft() if queued else self._lasting.get(request.path, Answer())
            self._arrived.notify_all()
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave early are what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        receiver = self.server.receiver
        answer = receiver._record(Request(self.command, path, query, self.headers, body))
        if answer.delay and receiver._stopping.wait(answer.delay):
            self.close_connection = True
            return
        if answer.reset:
            self._reset()
        elif answer.raw is not None:
            self.wfile.write(answer.raw)
            self.close_connection = True
        else:
            self._send(answer)

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.endless:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        stopping = self.server.receiver._stopping
        if answer.drip:
            for byte in answer.body:
                self.wfile.write(bytes([byte]))
                if stopping.wait(answer.drip):
                    return
        else:
            self.wfile.write(answer.body)
        while answer.endless and not stopping.is_set():
            self.wfile.write(answer.body)

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
