"""Refusals and failures of outgoing requests."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from integrations.egress.timing import Timing


class FailureKind(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    PROTOCOL = "protocol"
    REFUSED = "refused"
    TOO_LARGE = "too_large"


class TransportError(Exception):
    """No answer. `message` is a sentence for a person; it may name the host, but neither path nor query."""

    def __init__(self, kind: FailureKind, message: str, timing: Timing) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.timing = timing


class DestinationError(ValueError):
    """An address that Signalbox does not send to. `reason` is a sentence for a person, with the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HeaderError(ValueError):
    """A header name or value that HTTP cannot carry. The message repeats neither."""

    def __init__(self) -> None:
        super().__init__("A header contains a line break or another bad character.")


class RefusedAddressError(OSError):
    """A host name led to an IP address that is not allowed.

    An OSError, because that is what HTTP clients expect of a resolver and of a socket, and pass on unharmed.
    """

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} leads to an address that is not allowed (a private or reserved network).")


class RequestInTransactionError(RuntimeError):
    """An outgoing request inside a database transaction: a mistake of the calling code.

    The transaction would stay open, with its locks, for as long as somebody else's server takes to answer.
    """

    def __init__(self) -> None:
        super().__init__("Outgoing requests are not made inside a database transaction: commit first.")
