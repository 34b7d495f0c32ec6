"""Whose certificates outgoing requests trust: the system's authorities, for both HTTP clients alike."""

from __future__ import annotations

import ssl
from functools import lru_cache

import certifi


@lru_cache(maxsize=1)
def trusted_authorities() -> ssl.SSLContext:
    """Return the context that verifies certificates and host names, over TLS 1.2 or later.

    OpenSSL's environment variables SSL_CERT_FILE and SSL_CERT_DIR replace the system's authorities, for networks with
    an authority of their own. A system that has none at all (a bare container) gets Mozilla's list.
    """
    paths = ssl.get_default_verify_paths()
    has_authorities = paths.cafile or paths.capath
    context = ssl.create_default_context(cafile=None if has_authorities else certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # a distribution's OpenSSL may be configured to allow less
    return context
