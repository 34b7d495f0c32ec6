"""Values that would make an address lead to another host, were one put before a provider's domain as it is."""

from __future__ import annotations

from typing import Final

ELSEWHERE: Final = [
    "evil.example.com",
    "evil.example.com/",
    "evil.example.com#",
    "evil.example.com?",
    "evil.example.com:443/",
    "user@evil",
    "user:pass@evil.example.com/",
    "acme.evil",
    "acme/..",
    "acme\\evil",
    "acme%2eevil",
    "https://evil.example.com",
    "https://acme@evil.example.com/",
    "http://acme",
    "//evil",
    "-acme",
    "acme-",
    "a cme",
    "ácme",
    "127.0.0.1",
    "[::1]",
    "a" * 64,
]
