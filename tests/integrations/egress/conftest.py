"""Both HTTP clients behind one face, servers that misbehave in any way, and certificates of an authority of our own."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from integrations.egress.client import GuardedClient, TransportError
from integrations.egress.errors import FailureKind
from integrations.egress.lookup import Lookups
from integrations.egress.resolver import GuardedResolver
from integrations.egress.session import OutboundError, guarded_session


@dataclass(frozen=True)
class Result:
    """The answer, or `kind` and `message` of the failure."""

    status: int | None = None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    kind: FailureKind | None = None
    message: str = ""


def ask_by_the_engines_client(
    url: Any, *, timeout: float = 5.0, lookup: Any = None, tls: ssl.SSLContext | None = None, headers: Any = None
) -> Result:
    async def run() -> Result:
        resolver = GuardedResolver(lookup) if lookup else None
        async with GuardedClient(resolver, tls=tls) as client:
            try:
                answer = await client.post(url, headers=headers or {}, body=b"{}", timeout=timeout)
            except TransportError as error:
                return Result(kind=error.kind, message=error.message)
            return Result(answer.status, answer.body)

    return uvloop.run(run())  # what the engine runs on


def ask_by_requests(
    url: str, *, timeout: float = 5.0, lookup: Any = None, tls: ssl.SSLContext | None = None, headers: Any = None
) -> Result:
    with guarded_session(timeout=timeout, lookups=Lookups(lookup) if lookup else None, tls=tls) as session:
        try:
            answer = session.post(url, data=b"{}", headers=headers)
        except OutboundError as error:
            return Result(kind=error.kind, message=error.message)
        return Result(answer.status_code, answer.content, answer.headers)


@pytest.fixture(params=[ask_by_the_engines_client, ask_by_requests], ids=["engine", "requests"])
def ask(request: pytest.FixtureRequest) -> Callable[..., Result]:
    """POST `{}` by one of the two clients."""
    return request.param


@pytest.fixture
def answering() -> Callable[..., Any]:
    """Make a lookup that gives these addresses, one tuple for each call, the last for ever; `.asked` lists the names."""

    def make(*answers: tuple[str, ...]) -> Any:
        left = list(answers)

        def look_up(host: str, port: int, *_: Any) -> list[Any]:
            look_up.asked.append(host)
            addresses = left.pop(0) if len(left) > 1 else left[0]
            return [
                (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
                for address in addresses
            ]

        look_up.asked = []
        return look_up

    return make


@contextmanager
def _raw_server(serve: Callable[[socket.socket], None], host: str, tls: ssl.SSLContext | None) -> Iterator[int]:
    def handle(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(10)
            secured = tls.wrap_socket(connection, server_side=True) if tls else connection
            with secured:
                received = b""
                while b"\r\n\r\n{}" not in received:
                    more = secured.recv(65536)
                    if not more:
                        return
                    received += more
                serve(secured)
                with suppress(OSError):  # let the answer arrive before the connection ends
                    secured.shutdown(socket.SHUT_WR)
                    secured.recv(1)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=handle, args=(connection,), daemon=True).start()

    with socket.create_server((host, 0)) as listening:
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def raw_server() -> Iterator[Callable[..., int]]:
    """Start a server that does with the socket of each request what `serve` does; returns its port."""
    with ExitStack() as stack:

        def start(serve: Callable[[socket.socket], None], *, host: str = "127.0.0.1", tls: Any = None) -> int:
            return stack.enter_context(_raw_server(serve, host, tls))

        yield start


class Authority:
    """Issues certificates; `trust` is a client's context that trusts it and nobody else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        own = self._certificate(self._name, self._key, None, timedelta(days=1), is_authority=True)
        self.trust = ssl.create_default_context(cadata=own.public_bytes(serialization.Encoding.PEM).decode())

    def server(self, *names: str, lasts: timedelta = timedelta(days=1), self_signed: bool = False) -> ssl.SSLContext:
        """Return a server's context with a certificate for `names` (or IP addresses) that ends in `lasts`."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = Authority(self._folder) if self_signed else self
        certificate = issuer._certificate(issuer._name if self_signed else None, key, names, lasts)
        path = self._folder / f"{id(key)}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _certificate(
        self, name: Any, key: Any, hosts: tuple[str, ...] | None, lasts: timedelta, *, is_authority: bool = False
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        subject = name or x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")])
        built = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + lasts)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if hosts:
            built = built.add_extension(x509.SubjectAlternativeName([_general_name(host) for host in hosts]), False)
        return built.sign(self._key, hashes.SHA256())


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
