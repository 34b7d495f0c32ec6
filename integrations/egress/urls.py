"""Whether a URL may be an outgoing destination, judged by its text alone.

This is what can be said when somebody types a URL. Names are resolved, and their addresses checked, by the resolver
at each connection: an answer of today says nothing about tomorrow's.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import NoReturn
from urllib.parse import SplitResult, quote, urlsplit

import idna
from django.conf import settings

from integrations.egress.addresses import allowed_networks, is_allowed
from integrations.egress.errors import DestinationError

__all__ = ["DestinationError", "check_destination"]

MAX_LENGTH = 2048
DEFAULT_PORTS = {"http": 80, "https": 443}
# Names that mean something inside one host or one network only.
INTERNAL_SUFFIXES = ("local", "internal", "localdomain", "home.arpa", "lan", "intranet", "corp")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_UNSAFE = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029]")
_PATH_SAFE = "/%:@!$&'()*+,;=-._~"


def check_destination(url: str) -> str:
    """Return the URL in its normal form: lower-case ASCII host, no default port, other characters percent-encoded.

    Raises DestinationError for anything but an http(s) URL (https only where `OUTBOUND_REQUIRE_HTTPS` is set) of a
    public host without credentials and fragment. `OUTBOUND_ALLOWED_NETWORKS` opens literal addresses and internal names.
    """
    parts = _split(url.strip())
    scheme = parts.scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise DestinationError("The address must start with https:// (or http://).")
    if scheme == "http" and settings.OUTBOUND_REQUIRE_HTTPS:
        raise DestinationError("The address must start with https://.")
    if "@" in parts.netloc:
        raise DestinationError("The address must not contain a user name or password: use a token or header instead.")
    if not parts.hostname:
        raise DestinationError("The address has no host.")
    host = _checked_host(parts.hostname)
    port = _port(parts)
    netloc = host if port in {None, DEFAULT_PORTS[scheme]} else f"{host}:{port}"
    query = f"?{quote(parts.query, safe=_PATH_SAFE + '?')}" if parts.query else ""
    return f"{scheme}://{netloc}{quote(parts.path, safe=_PATH_SAFE)}{query}"


def _split(url: str) -> SplitResult:
    if len(url) > MAX_LENGTH:
        raise DestinationError(f"The address is longer than {MAX_LENGTH} characters.")
    # HTTP clients disagree on what these mean, and a check must not read a URL differently from who sends to it.
    if _UNSAFE.search(url):
        raise DestinationError("The address contains a space, a backslash or a control character.")
    if "#" in url:
        raise DestinationError("The address must not contain a fragment (the part after #).")
    try:
        parts = urlsplit(url)
        quote(url)
    except ValueError:  # unbalanced brackets, lone surrogates
        raise DestinationError("The address is not a valid URL.") from None
    return parts


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise DestinationError("The port must be a number between 1 and 65535.")
    return port


def _checked_host(raw: str) -> str:
    if ":" in raw:
        return f"[{_checked_ipv6(raw)}]"
    host = _ascii_name(raw)
    labels = host.split(".")
    # A host whose last label is a number is an IPv4 address in some notation (the WHATWG URL standard's rule).
    if _NUMBER.fullmatch(labels[-1]):
        return _checked_ipv4(host)
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise DestinationError("The host name is not valid.")
    _refuse_internal(host, labels)
    return host


def _ascii_name(raw: str) -> str:
    name = raw.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii").lower().removesuffix(".")
        except (idna.IDNAError, UnicodeError):
            raise DestinationError("The host name is not valid.") from None
    if not name or len(name) > 253:
        raise DestinationError("The host name is not valid.")
    return name


def _checked_ipv4(host: str) -> str:
    try:
        address = IPv4Address(host)
    except AddressValueError:
        raise DestinationError(
            "Write an IPv4 address as four decimal numbers; short, octal, decimal and hexadecimal forms are refused."
        ) from None
    if not is_allowed(address):
        _refuse_private()
    return str(address)


def _checked_ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        raise DestinationError("The host is not a valid IPv6 address.") from None
    if address.scope_id:
        raise DestinationError("The host must not name a network interface (the part after %).")
    if not is_allowed(address):
        _refuse_private()
    return str(address)


def _refuse_internal(host: str, labels: list[str]) -> None:
    """Refuse names that only ever lead inside, unless the operator has opened inside networks (checked on connecting)."""
    if labels[-1] == "localhost":
        is_open = any(is_allowed(ip_address(loopback)) for loopback in ("127.0.0.1", "::1"))
    elif len(labels) == 1 or host.endswith(tuple(f".{suffix}" for suffix in INTERNAL_SUFFIXES)):
        is_open = any(not network.is_loopback for network in allowed_networks())
    else:
        is_open = True
    if not is_open:
        _refuse_private()


def _refuse_private() -> NoReturn:
    raise DestinationError(
        "The address leads into a private or reserved network. An operator can allow it in OUTBOUND_ALLOWED_NETWORKS."
    )
