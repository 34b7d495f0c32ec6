"""Whose certificates outgoing requests trust: the system's authorities, for both HTTP clients alike."""

from __future__ import annotations

import ssl
from functools import lru_cache

import certifi


@lru_cache(maxsize=1)
def trusted_authorities() -> ssl.SSLContext:
    """Return the context that verifies certificates and host names.

    OpenSSL's environment variables SSL_CERT_FILE and SSL_CERT_DIR replace the system's authorities, for networks with
    an authority of their own. A system that has none at all (a bare container) gets Mozilla's list.
    """
    paths = ssl.get_default_verify_paths()
    if not (paths.cafile or paths.capath):
        return ssl.create_default_context(cafile=certifi.where())
    return ssl.create_default_context()
