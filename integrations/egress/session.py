"""A `requests` session under the guard, for what providers are asked: checked addresses, no redirects, one deadline.

with guarded_session() as session:
    contacts = session.get("https://api.example.com/contacts", headers=…).json()
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping
from http.client import HTTPException, RemoteDisconnected
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from django.db import connections
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError

from integrations.egress.connections import BoundedTLSSocket, Call, current_call, guarded_pools
from integrations.egress.errors import DestinationError, FailureKind, RequestInTransactionError
from integrations.egress.lookup import Lookups
from integrations.egress.tls import trusted_authorities
from integrations.egress.urls import check_destination

TIMEOUT_SECONDS = 10.0
READ_LIMIT = 5 * 1024 * 1024
# What an answer may consist of besides its body: headers, the framing of chunks, TLS excluded.
FRAMING_LIMIT = 256 * 1024
USER_AGENT = "Signalbox"
_CHUNK = 64 * 1024


class OutboundError(requests.RequestException):
    """No usable answer. `message` is a sentence for a person; it may name the host, but neither path nor query.

    It carries no request (`request` is None): headers hold credentials, and errors end up in logs.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


def guarded_session(
    *,
    timeout: float = TIMEOUT_SECONDS,
    read_limit: int = READ_LIMIT,
    lookups: Lookups | None = None,
    tls: ssl.SSLContext | None = None,
) -> GuardedSession:
    """Return a session; close it, or use it in a `with`.

    `timeout` (seconds) covers all of a request: DNS, connecting, TLS, headers and body; a request's own `timeout`
    replaces it. `read_limit` (bytes, unpacked) bounds an answer's body. `lookups` resolves names and `tls` verifies
    certificates, if not as the system does.
    """
    return GuardedSession(GuardedAdapter(timeout, read_limit, lookups or Lookups(), tls or trusted_authorities()))


class GuardedSession(requests.Session):
    """Keeps no cookies, follows no redirects, ignores proxies, netrc and certificate settings of the environment.

    Requests raise OutboundError, or RequestInTransactionError inside a database transaction. The body is always read
    whole; `stream=True` changes nothing.
    """

    def __init__(self, adapter: HTTPAdapter) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["User-Agent"] = USER_AGENT
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        self.mount("https://", adapter)
        self.mount("http://", adapter)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Check the URL as it was written, before requests reads it in its own way."""
        request.url = _checked(request.url)
        try:
            return super().prepare_request(request)
        except requests.exceptions.InvalidHeader:
            raise OutboundError(
                FailureKind.PROTOCOL, "A header contains a line break or another bad character."
            ) from None

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Follow no redirect: the answer that asks for it is the answer."""


class GuardedAdapter(HTTPAdapter):
    """The transport of a GuardedSession. Overrides no more than mocks of `HTTPAdapter.send` leave in force."""

    def __init__(self, timeout: float, read_limit: int, lookups: Lookups, tls: ssl.SSLContext) -> None:
        self._timeout = timeout
        self._read_limit = read_limit
        self._lookups = lookups
        self._tls = tls
        tls.sslsocket_class = BoundedTLSSocket
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **_: Any) -> None:
        self.poolmanager = guarded_pools(connections=connections, kept=maxsize)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._tls, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Leave verification to the context: requests would add its own list of authorities."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read its answer whole. Raises OutboundError and RequestInTransactionError."""
        _refuse_in_transaction()
        if verify is not True or cert or proxies or isinstance(timeout, tuple):
            raise ValueError(
                "Certificates are always verified, by `tls`; there are no proxies; a timeout is one number."
            )
        request.url = _checked(request.url)
        seconds = self._timeout if timeout is None else float(timeout)
        call = Call(self._lookups, time.monotonic() + seconds, self._read_limit + FRAMING_LIMIT)
        token = current_call.set(call)
        try:
            response = super().send(request, stream=stream, timeout=seconds)
            call.stage = "reading the answer"
            self._read(response, call)
        except OutboundError:
            raise
        except (requests.RequestException, HTTPError, OSError, ValueError) as error:
            kind, message = _explain(error, call, str(urlsplit(request.url).hostname), seconds)
            # Without its cause: that names the whole URL, and carries the request with its credentials.
            raise OutboundError(kind, message) from None
        finally:
            current_call.reset(token)
        return response

    def _read(self, response: requests.Response, call: Call) -> None:
        chunks = []
        size = 0
        for chunk in response.iter_content(_CHUNK):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._read_limit:
                response.close()
                raise OutboundError(FailureKind.TOO_LARGE, f"The answer is larger than {self._read_limit} bytes.")
            call.seconds_left()
        response._content = b"".join(chunks)


def _checked(url: Any) -> str:
    try:
        return check_destination(url.decode() if isinstance(url, bytes) else str(url))
    except (DestinationError, UnicodeError) as error:
        raise OutboundError(FailureKind.REFUSED, str(error)) from None


def _refuse_in_transaction() -> None:
    """Raise RequestInTransactionError, unless all open transactions are those that Django's test cases wrap around."""
    for connection in connections.all(initialized_only=True):
        if not all(getattr(block, "_from_testcase", False) for block in connection.atomic_blocks):
            raise RequestInTransactionError


def _explain(error: Exception, call: Call, host: str, seconds: float) -> tuple[FailureKind, str]:
    """Name the kind of a failure, and say it without path and query of the URL, which may hold secrets."""
    if call.failure is not None:
        return call.failure
    causes = list(_causes(error))
    if time.monotonic() >= call.ends_at or _first(causes, TimeoutError, requests.Timeout):
        return FailureKind.TIMEOUT, f"No complete answer within {seconds:g} s ({call.stage})."
    if refusal := _first(causes, ssl.SSLCertVerificationError):
        return FailureKind.TLS, f"The certificate of {host} was not accepted: {refusal.verify_message}."
    if failure := _first(causes, ssl.SSLError):
        return FailureKind.TLS, f"TLS failed: {failure.reason or failure.strerror}."
    if _first(causes, requests.exceptions.SSLError):
        return FailureKind.TLS, "TLS failed."
    if lost := _first(causes, ConnectionError):
        words = "the other side closed it" if isinstance(lost, RemoteDisconnected) else lost.strerror
        return FailureKind.CONNECT, f"The connection was lost ({call.stage}): {words}."
    if isinstance(error, requests.ConnectionError) and not _first(causes, HTTPException, HTTPError):
        return FailureKind.CONNECT, f"No connection to {host}."
    if isinstance(error, UnicodeEncodeError):
        return FailureKind.PROTOCOL, "A header contains characters that HTTP has no place for (beyond Latin-1)."
    broken = _first(causes, HTTPException) or error
    return FailureKind.PROTOCOL, f"The answer was no valid HTTP ({type(broken).__name__})."


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and all that it wraps: requests and urllib3 put causes into arguments and `reason`."""
    pending, seen = [error], set()
    while pending:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        wrapped = (*found.args, getattr(found, "reason", None), found.__cause__, found.__context__)
        pending.extend(inner for inner in wrapped if isinstance(inner, BaseException))


def _first(causes: list[BaseException], *kinds: type[BaseException]) -> Any:
    return next((cause for cause in causes if isinstance(cause, kinds)), None)
