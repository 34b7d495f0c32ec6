"""The link of an invitation: what it looks like, and what of it is stored.

Its token has 256 random bits and the start `sb_invite_`, by which log lines are scrubbed and scanners can tell it. The
database holds the SHA-256 of it: with so many bits nothing slower is needed, and nobody turns it back into the link.
"""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import Final

from django.conf import settings

START: Final = "sb_invite_"
_RANDOM_BYTES: Final = 32
_TOKEN: Final = re.compile(rf"{START}[A-Za-z0-9_-]{{43}}")


def new_token() -> str:
    """Return a token that nobody can guess."""
    return START + secrets.token_urlsafe(_RANDOM_BYTES)


def hash_of(token: str) -> str | None:
    """Return what is stored of a token, as 64 hex digits; None for a text that is none, which then costs no query."""
    return sha256(token.encode("ascii")).hexdigest() if _TOKEN.fullmatch(token) else None


def link_of(token: str) -> str:
    """Return the address of the page where the invitation is accepted."""
    return f"{settings.APP_URL}/invitations/{token}"
