"""A small mail server on the loopback address, which keeps what it is sent."""

from __future__ import annotations

import socketserver
import threading
from email import message_from_bytes
from email.message import Message
from typing import Self


class _Conversation(socketserver.StreamRequestHandler):
    server: SMTPServer

    def handle(self) -> None:
        if self.server.is_silent:
            self.server.closing.wait(30)
            return
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            command = line.split(" ", 1)[0].upper()
            if command == "DATA":
                self._say("354 go on")
                self.server.messages.append(message_from_bytes(self._message()))
                self._say("250 kept")
            elif command == "QUIT":
                self._say("221 bye")
                return
            elif command == "RCPT" and self.server.refuses:
                self._say("550 no such person")
            else:
                self._say("250 fine")

    def _message(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class SMTPServer(socketserver.ThreadingTCPServer):
    """Use as a context manager. `refuses` turns every address down; `is_silent` never says a word."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *, refuses: bool = False, is_silent: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.refuses, self.is_silent = refuses, is_silent
        self.messages: list[Message] = []
        self.closing = threading.Event()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()
