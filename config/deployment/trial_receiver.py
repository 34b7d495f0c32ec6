"""An HTTPS receiver on the loopback address, with a certificate made for it, that remembers what it got."""

from __future__ import annotations

import ssl
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.egress.destination import Origin
from integrations.egress.loopback import LoopbackClient

# No resolver anywhere answers for it (RFC 2606).
DOMAIN: Final = "signalbox-trial.invalid"
_MAX_BODY_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    headers: Mapping[str, str]
    body: bytes


class TrialReceiver:
    """Use as a context manager. `url` leads to it for `client()`, and nowhere for everybody else."""

    def __init__(self, name: str) -> None:
        self.host = f"{name}.{DOMAIN}"
        self.received: list[ReceivedRequest] = []
        self._server = _Server(self)
        certificate, key = _certificate(self.host)
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:  # OpenSSL reads keys from files only
            path = Path(folder) / "trial.pem"
            path.write_bytes(key + certificate)
            serving.load_cert_chain(path)
        self._trusting = ssl.create_default_context(cadata=certificate.decode("ascii"))
        self._listener = self._server.socket
        self._server.socket = serving.wrap_socket(self._listener.dup(), server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="trial-receiver", daemon=True
        )

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self._server.server_port}/"

    def client(self) -> LoopbackClient:
        return LoopbackClient(Origin(True, self.host, self._server.server_port), self._listener, self._trusting)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._listener.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, receiver: TrialReceiver) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.receiver = receiver

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep to itself who knocked and did not speak TLS: it would be printed over the command's answer."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5

    def do_POST(self) -> None:
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), _MAX_BODY_BYTES))
        self.server.receiver.received.append(ReceivedRequest(dict(self.headers.items()), body))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


def _certificate(host: str) -> tuple[bytes, bytes]:
    """Return a certificate for `host` that signs itself and is good for an hour, and its key, both as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Signalbox trial delivery")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
