"""Refusals of the egress guard."""

from __future__ import annotations


class DestinationError(ValueError):
    """An address that Signalbox does not send to. `reason` is a sentence for a person, with the way out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RefusedAddressError(OSError):
    """A host name led to an IP address that is not allowed.

    An OSError, because that is what HTTP clients expect of a resolver and of a socket, and pass on unharmed.
    """

    def __init__(self, host: str) -> None:
        super().__init__(f"{host} leads to an address that is not allowed (a private or reserved network).")
