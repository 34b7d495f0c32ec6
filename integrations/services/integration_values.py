"""How a request's values meet the stored ones: which are replaced, kept or cleared. Pure rules; nothing is written."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

from integrations.encryption.errors import UnreadableSecretError
from integrations.encryption.secret import Secret
from integrations.providers.base import Field, Provider
from integrations.providers.field_values import object_with_kept

MAX_NAME_LENGTH: Final = 100
MAX_DESCRIPTION_LENGTH: Final = 500
MAX_METADATA_BYTES: Final = 16 * 1024
_LONGEST_NAME_SHOWN: Final = 100
_INVISIBLE: Final = frozenset({"Cc", "Cs"})
# The escape of a NUL, which JSON allows and PostgreSQL cannot store; not a backslash before the text "u0000".
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Envelope(TypedDict, total=False):
    """What every integration has beside its provider's fields; what is left out stays as it is."""

    name: str
    description: str
    enabled: bool
    metadata: dict[str, object]
    is_default: bool
    capabilities: dict[str, bool]


@dataclass(frozen=True, slots=True)
class Merged:
    """The configuration that results from a request, and the names of the fields that differ from the stored one."""

    config: dict[str, object]
    changed: list[str]


def merge(
    provider: Provider, *, given: Mapping[str, object], stored: Mapping[str, object], keep_public: bool
) -> tuple[Merged, dict[str, list[str]]]:
    """Apply `given` to `stored` (of the same provider; empty for a new one) and say what is wrong with the result.

    A secret that is missing or blank is kept, None clears it. A public field that is blank or None is cleared; one
    that is missing is kept when `keep_public` (PATCH) and cleared otherwise (PUT). What is kept is not checked again:
    rules that became stricter must not stand in the way of disabling an integration.
    """
    kept = {
        field.name: stored[field.name]
        for field in provider.fields
        if stored.get(field.name) is not None and _is_kept(field, given, keep_public)
    }
    asked = {
        name: _with_kept_entries(provider, name, value, stored) for name, value in given.items() if name not in kept
    }
    problems = provider.problems(asked, stored=kept)
    if problems:
        return Merged({}, []), problems
    fresh = provider.cleaned(asked)
    config: dict[str, object] = {}
    changed = []
    for field in provider.fields:
        old = stored.get(field.name)
        if field.name in kept:
            # Declared public when it was stored and secret by now: encrypted with the next write.
            config[field.name] = Secret(old) if field.secret and isinstance(old, str) else old
        elif field.name not in fresh:
            if old is not None:
                changed.append(field.name)
        elif _is_same(old, fresh[field.name]):
            config[field.name] = old
        else:
            config[field.name] = Secret(fresh[field.name]) if field.secret else fresh[field.name]
            changed.append(field.name)
    return Merged(config, changed), {}


def _with_kept_entries(provider: Provider, name: str, value: object, stored: Mapping[str, object]) -> object:
    """Give the blank entries of an object of secrets what is stored under their names."""
    is_secret_object = any(field.name == name and field.secret and field.is_object for field in provider.fields)
    old = stored.get(name)
    if not is_secret_object or not isinstance(old, Secret):
        return value
    try:
        return object_with_kept(value, old.reveal())
    except UnreadableSecretError:
        return value


def _is_kept(field: Field, given: Mapping[str, object], keep_public: bool) -> bool:
    if field.name not in given:
        return field.secret or keep_public
    value = given[field.name]
    return field.secret and isinstance(value, str) and not value.strip()


def _is_same(old: object, new: str) -> bool:
    """Tell whether a value is the stored one; a secret that does not open is replaced whatever it was."""
    if not isinstance(old, Secret):
        return old == new
    try:
        return old.matches(new)
    except UnreadableSecretError:
        return False


def envelope_problems(envelope: Mapping[str, object], provider: Provider) -> dict[str, list[str]]:
    """Return what is wrong with name, description, enabled, is_default, capabilities and metadata, by field."""
    checks: dict[str, Callable[[object], str]] = {
        "name": lambda value: _text_problem(value, MAX_NAME_LENGTH),
        "description": lambda value: _text_problem(value, MAX_DESCRIPTION_LENGTH, several_lines=True),
        "enabled": _switch_problem,
        "is_default": _switch_problem,
        "capabilities": lambda value: _capabilities_problem(value, provider),
        "metadata": lambda value: _metadata_problem(value, provider),
    }
    found = {name: check(envelope[name]) for name, check in checks.items() if name in envelope}
    return {name: [problem] for name, problem in found.items() if problem}


def switched_off(provider: Provider, disabled: Iterable[str], given: Mapping[str, bool]) -> list[str]:
    """Return what is off for a provider after `given` was applied: what it leaves out stays, what no one has is dropped."""
    before = set(disabled)
    return [name for name in provider.switches if not given.get(name, name not in before)]


def _capabilities_problem(value: object, provider: Provider) -> str:
    if not isinstance(value, dict):
        return "Must be an object of names and true or false."
    names = provider.switches
    for name, wanted in value.items():
        if name not in names:
            has = ", ".join(names) or "none"
            return f"{name[:_LONGEST_NAME_SHOWN]} cannot be switched. {provider.label} has: {has}."
        if not isinstance(wanted, bool):
            return f"{name}: must be true or false."
    return ""


def _switch_problem(value: object) -> str:
    return "" if isinstance(value, bool) else "Must be true or false."


def _text_problem(value: object, max_length: int, *, several_lines: bool = False) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return "Must be a string."
    text = value.strip()
    if len(text) > max_length:
        return f"At most {max_length} characters."
    allowed = "\n\r\t" if several_lines else ""
    if any(unicodedata.category(character) in _INVISIBLE and character not in allowed for character in text):
        return "Contains a control character."
    return ""


def _metadata_problem(value: object, provider: Provider) -> str:
    if value is None:
        return ""
    if not isinstance(value, dict):
        return "Must be an object."
    secrets = [field.name for field in provider.secret_fields if field.name in value]
    if secrets:
        return f"Metadata is kept and shown in clear: give {', '.join(secrets)} beside it, not in it."
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError):  # infinite numbers, lone surrogates, no JSON at all
        return "Must be plain JSON with finite numbers and valid Unicode."
    if size > MAX_METADATA_BYTES:
        return f"At most {MAX_METADATA_BYTES // 1024} KiB as JSON."
    if _NUL.search(text):
        return "Must not contain NUL characters."
    return ""
