"""How the value of each kind of field is read and written. Pure: text in, text or a reason out."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from integrations.encryption.masking import mask

MAX_ENTRIES: Final = 50
MAX_ENTRY_LENGTH: Final = 2000
# Control, format and surrogate characters, line and paragraph separators: invisible in a form, fatal in a header.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# The three shapes in which a secret is shown. Nobody's secret looks like that; a copied answer does.
_MASKED: Final = re.compile(r".{10}\*{3}.{6}|\*{3}.{4}|\*{3}")
_LONGEST_NAME_SHOWN: Final = 100


class InvalidValueError(ValueError):
    """A field refuses a value. The message says what would be right and never repeats the value."""


def is_masked(text: str) -> bool:
    return _MASKED.fullmatch(text) is not None


def refuse_invisible(text: str, *, allowed: str = "") -> None:
    """Raise InvalidValueError for characters that nobody sees."""
    if any(unicodedata.category(character) in _INVISIBLE and character not in allowed for character in text):
        raise InvalidValueError("Contains an invisible or control character: copy the value again without it.")


def checked_url(text: str) -> str:
    """Return an address without its trailing slash, or say why nothing may be sent there."""
    # Imported late: the guard reads Django's settings, which the declarations themselves do not need.
    from integrations.egress.errors import DestinationError
    from integrations.egress.urls import check_destination

    try:
        return check_destination(text).rstrip("/")
    except DestinationError as error:
        raise InvalidValueError(str(error)) from None


def checked_email(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError:
        raise InvalidValueError("Must be an e-mail address, such as ada@example.com.") from None
    return text


def checked_object(value: object, *, name_pattern: str, name_message: str, secret: bool) -> str:
    """Return an object of names and texts, given as one or as JSON, in the form in which it is stored; "" when empty."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise InvalidValueError('Must be a JSON object, such as {"name": "value"}.') from None
    if not isinstance(value, Mapping):
        raise InvalidValueError('Must be a JSON object, such as {"name": "value"}.')
    if len(value) > MAX_ENTRIES:
        raise InvalidValueError(f"At most {MAX_ENTRIES} entries.")
    checked = {}
    for name, entry in value.items():
        if not isinstance(name, str) or not re.fullmatch(name_pattern, name):
            raise InvalidValueError(name_message)
        if not isinstance(entry, str) or not entry.strip():
            raise InvalidValueError(f"{name[:_LONGEST_NAME_SHOWN]}: must be a text that is not blank.")
        entry = entry.strip()
        if len(entry) > MAX_ENTRY_LENGTH:
            raise InvalidValueError(f"{name[:_LONGEST_NAME_SHOWN]}: at most {MAX_ENTRY_LENGTH} characters.")
        refuse_invisible(entry)
        if secret and is_masked(entry):
            raise InvalidValueError(
                f"{name[:_LONGEST_NAME_SHOWN]}: this is the masked form of a secret: give the secret itself, or leave it "
                "blank to keep it."
            )
        checked[name] = entry
    return json.dumps(checked, ensure_ascii=False, sort_keys=True) if checked else ""


def checked_json(value: object) -> str:
    """Return a JSON array or object, given as one or as text, as its text; "" when empty."""
    reason = 'Must be a JSON array or object, such as [{"type": "divider"}].'
    try:
        found = json.loads(value) if isinstance(value, str) and value.strip() else value
        text = json.dumps(found, ensure_ascii=False, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise InvalidValueError(reason) from None
    if found == "" or found is None or (isinstance(found, str) and not found.strip()):
        return ""
    if not isinstance(found, list | dict):
        raise InvalidValueError(reason)
    return text if found else ""


def object_with_kept(given: object, stored: str) -> object:
    """Fill the blank and null entries of a given object from the stored one; names that are left out go."""
    try:
        value = json.loads(given) if isinstance(given, str) else given
        kept = json.loads(stored)
    except (ValueError, RecursionError):
        return given
    if not isinstance(value, Mapping) or not isinstance(kept, dict):
        return given
    return {
        name: kept.get(name, entry) if entry is None or (isinstance(entry, str) and not entry.strip()) else entry
        for name, entry in value.items()
    }


def shown_object(stored: str, *, masked: bool) -> dict[str, str]:
    """Return a stored object as it may be shown: the names, and each value masked where they are secrets."""
    try:
        entries = json.loads(stored)
    except ValueError:
        return {}
    return {str(name): mask(str(entry)) if masked else str(entry) for name, entry in entries.items()}
