"""Where a request goes, and the bytes by which it begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Self
from urllib.parse import urlsplit

from integrations.egress.errors import DestinationError, HeaderError
from integrations.egress.urls import DEFAULT_PORTS, check_destination

# RFC 9110, sections 5.1 and 5.5. What lies beyond ASCII passes, as UTF-8; control characters do not.
_HEADER_LINES = re.compile(r"(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\ud7ff\ue000-\U0010ffff]*\r\n)*")


class Origin(NamedTuple):
    """What a connection belongs to. Requests to another origin never use it, though it be at the same address."""

    is_tls: bool
    host: str
    """A name or an IP address, this without brackets."""
    port: int


@dataclass(frozen=True, slots=True)
class Destination:
    """A URL taken apart. `head` is the request line, `Host` and what else is the same in each request to it."""

    url: str = field(repr=False)
    origin: Origin
    head: bytes = field(repr=False)

    @classmethod
    def checked(cls, url: str) -> Self:
        """Check what somebody typed. Raises DestinationError."""
        return cls.of(check_destination(url))

    @classmethod
    def of(cls, url: str) -> Self:
        """Take apart what `check_destination` returned."""
        parts = urlsplit(url)
        if parts.hostname is None or parts.scheme not in DEFAULT_PORTS or not url.isascii():
            raise DestinationError("The address is not a valid URL.")
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # No compression: an answer is small, and what was not packed cannot be a bomb.
        head = f"POST {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
        port = parts.port or DEFAULT_PORTS[parts.scheme]
        return cls(url, Origin(parts.scheme == "https", parts.hostname, port), head.encode("ascii"))


def header_lines(headers: Mapping[str, str]) -> bytes:
    """Return the headers as they are sent. Raises HeaderError for what would end a line or the head."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    # A line break inside a value would make a line more than there are headers.
    if text.count("\n") != len(headers) or not _HEADER_LINES.fullmatch(text):
        raise HeaderError
    return text.encode()
