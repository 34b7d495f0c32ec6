"""A small HTTP receiver for trying webhooks out: answers every request and prints one line for it."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

HOST = "127.0.0.1"
MAX_BODY_BYTES = 1024 * 1024
# What a request says of itself; anything else, such as a bearer token, is not for a screen.
ECHOED_HEADERS = ("Content-Type", "User-Agent", "webhook-id", "webhook-timestamp", "webhook-signature")


class Command(BaseCommand):
    help = "Run a local HTTP receiver that answers 200 with what it received, and prints a line per request."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=9000, help="Port on 127.0.0.1 (default: %(default)s).")

    def handle(self, *args: Any, port: int, **options: Any) -> None:
        try:
            server = DemoServer(port, self)
        except (OSError, OverflowError) as error:
            raise CommandError(f"Cannot listen on {HOST}, port {port}: {error}") from error
        self.stdout.write(f"Receiving on http://{HOST}:{server.server_port}/ (Ctrl-C stops)")
        with server:
            try:
                server.serve_forever(poll_interval=0.2)
            except KeyboardInterrupt:
                self.stdout.write("Stopped.")


class DemoServer(ThreadingHTTPServer):
    """Listens on the loopback address only."""

    daemon_threads = True

    def __init__(self, port: int, command: BaseCommand) -> None:
        super().__init__((HOST, port), DemoHandler)
        self.command = command


class DemoHandler(BaseHTTPRequestHandler):
    """Answers 200 with an echo of the request as JSON."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: DemoServer

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_BYTES:
            self.close_connection = True
            self._answer(413, {"received": False, "error": "The body is too large for this demo."})
            return
        body = self.rfile.read(length)
        self._answer(
            200,
            {
                "received": True,
                "method": self.command,
                "path": self.path,
                "headers": {name: value for name in ECHOED_HEADERS if (value := self.headers.get(name))},
                "body": _readable(body),
            },
        )

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        encoded = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, format: str, *args: Any) -> None:
        line = f"{self.log_date_time_string()} {self.command} {self.path} {args[1] if len(args) > 1 else ''}".rstrip()
        self.server.command.stdout.write(line)


def _readable(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
