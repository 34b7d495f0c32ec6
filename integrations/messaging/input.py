"""Checking what a caller wants to send, before anything is looked up. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import phonenumbers

from integrations.errors import InvalidInputError
from integrations.idempotency_keys import WHAT_A_KEY_IS, is_key
from integrations.providers.messaging import Channel, Template

MAX_TEXT: Final = 10_000
MAX_TEMPLATE_BYTES: Final = 32 * 1024
MAX_METADATA_BYTES: Final = 16 * 1024
MAX_TRIGGERED_BY: Final = 100
MAX_NUMBER: Final = 40
_DEPTH: Final = 16
_TEMPLATE_FIELDS: Final = ("name", "language", "components")
_TEMPLATE_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,512}")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:_[A-Za-z0-9]{2,8})*")
_CHARACTERS: Final = "Leave out the character NUL and lone surrogates."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A message as a caller gave it, checked; `to` is E.164."""

    channel: Channel
    to: str
    text: str
    template: dict[str, Any] | None
    triggered_by: str
    metadata: dict[str, Any]
    idempotency_key: str

    @property
    def outgoing_template(self) -> Template | None:
        return Template(**self.template) if self.template is not None else None


def checked_input(
    *,
    channel: object,
    to: object,
    text: object = "",
    template: object = None,
    triggered_by: object = "",
    metadata: object = None,
    idempotency_key: object = None,
) -> Checked:
    """Check everything and raise one InvalidInputError that names all wrong fields, the reasons and the ways out."""
    errors: dict[str, list[str]] = {}

    def checked(field: str, check: Callable[[], Any], otherwise: Any) -> Any:
        try:
            return check()
        except ValueError as error:
            errors[field] = [str(error)]
            return otherwise

    result = Checked(
        channel=checked("channel", lambda: _channel(channel), Channel.SMS),
        to=checked("to", lambda: e164(to), ""),
        text=checked("text", lambda: _text(text, MAX_TEXT), ""),
        template=checked("template", lambda: _template(template), None),
        triggered_by=checked("triggered_by", lambda: _text(triggered_by, MAX_TRIGGERED_BY), ""),
        metadata=checked("metadata", lambda: _object(metadata, MAX_METADATA_BYTES), {}),
        idempotency_key=checked("idempotency_key", lambda: _key(idempotency_key), ""),
    )
    if "text" not in errors and "template" not in errors:
        if result.text and result.template is not None:
            errors["template"] = ["Give either a text or a template."]
        elif not result.text.strip() and result.template is None:
            errors["text"] = ["Give a text, or a template."]
    if errors:
        raise InvalidInputError(errors)
    return result


def e164(number: object) -> str:
    """Return a phone number as E.164. Raises ValueError, with a sentence, for what is none.

    Numbers are written with a plus sign and the country's code: without them they mean another one in each country.
    """
    if not isinstance(number, str):
        raise ValueError("Give a text such as +16505551234.")  # noqa: TRY004  (a caller's value is wrong)
    written = number.strip()
    if not written.startswith("+"):
        raise ValueError("Write the number with a plus sign and the country's code, such as +16505551234.")
    try:
        parsed = phonenumbers.parse(written[:MAX_NUMBER], None)
    except phonenumbers.NumberParseException:
        raise ValueError("This is no phone number: write it such as +16505551234.") from None
    if parsed.extension or not phonenumbers.is_possible_number(parsed):
        raise ValueError(_impossible(parsed))
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _impossible(parsed: phonenumbers.PhoneNumber) -> str:
    if parsed.extension:
        return "A number with an extension gets no messages: leave it out."
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason == phonenumbers.ValidationResult.INVALID_COUNTRY_CODE:
        return f"There is no country with the code +{parsed.country_code}: check the digits after the plus sign."
    if reason == phonenumbers.ValidationResult.TOO_LONG:
        return f"The number has too many digits for a number in +{parsed.country_code}: check it."
    return f"The number has too few digits for a number in +{parsed.country_code}: check it."


def _channel(value: object) -> Channel:
    if isinstance(value, str) and value in set(Channel):
        return Channel(value)
    raise ValueError(f"Choose one of: {', '.join(Channel)}.")


def _text(value: object, length: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ValueError("Give a text.")  # noqa: TRY004  (a caller's value is wrong)
    if len(value) > length:
        raise ValueError(f"Use at most {length:,} characters; these are {len(value):,}.")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError(_CHARACTERS)
    return value


def _template(value: object) -> dict[str, Any] | None:
    if value is None:
        return None
    template = _object(value, MAX_TEMPLATE_BYTES)
    if unknown := sorted(set(template) - set(_TEMPLATE_FIELDS)):
        raise ValueError(f"There is no {unknown[0][:60]} in a template: give {', '.join(_TEMPLATE_FIELDS)}.")
    name, language, components = (template.get(field) for field in _TEMPLATE_FIELDS)
    if not isinstance(name, str) or not _TEMPLATE_NAME.fullmatch(name):
        raise ValueError("Give the template's name as the provider shows it: letters, digits and underscores.")
    if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
        raise ValueError("Give the template's language, such as en_US.")
    if components is None:
        components = []
    if not isinstance(components, list) or not all(isinstance(component, dict) for component in components):
        raise ValueError("Give the components as a list of objects, as the provider documents them.")
    return {"name": name, "language": language, "components": components}


def _object(value: object, max_bytes: int) -> dict[str, Any]:
    """Return plain JSON data: what can be stored, and comes back as it is."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("Give a JSON object.")  # noqa: TRY004  (a caller's value is wrong)
    try:
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):
        raise ValueError("Give plain JSON with finite numbers and valid Unicode, not nested too deeply.") from None
    if size > max_bytes:
        raise ValueError(f"It has {size:,} bytes as JSON; at most {max_bytes:,} are accepted.")
    found: dict[str, Any] = json.loads(text)
    _check_inside(found, _DEPTH)
    return found


def _check_inside(value: object, depth: int) -> None:
    if not depth:
        raise ValueError(f"It is nested more than {_DEPTH} levels deep.")
    if isinstance(value, str) and "\0" in value:
        raise ValueError(_CHARACTERS)
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in inner:
        _check_inside(item, depth - 1)


def _key(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not is_key(value):
        raise ValueError(WHAT_A_KEY_IS)
    return value
