"""How much of a secret may be shown: one rule for the API, the admin, logs and error messages."""

from __future__ import annotations

HIDDEN = "***"

# A shown prefix lets a person tell two credentials apart, but only long secrets can spare it: of a 32-character
# token the first ten characters and the last six would be half of the key.
_LONG = 40
_LONG_PREFIX = 10
_LONG_SUFFIX = 6
_MEDIUM = 12
_MEDIUM_SUFFIX = 4


def mask(value: str) -> str:
    """Return what may be shown of a secret.

    40 characters and more show the first 10 and the last 6 (`EAATestAcc***456789`), 12 to 39 the last 4, shorter
    ones nothing (`***`). The empty string stays empty: there is nothing to hide.
    """
    if not value:
        return ""
    if len(value) >= _LONG:
        return f"{value[:_LONG_PREFIX]}{HIDDEN}{value[-_LONG_SUFFIX:]}"
    if len(value) >= _MEDIUM:
        return f"{HIDDEN}{value[-_MEDIUM_SUFFIX:]}"
    return HIDDEN
