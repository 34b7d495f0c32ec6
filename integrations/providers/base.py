"""What a provider declares: its fields, and the rules that a set of values must keep.

API validation, the admin form, masking and the reference page all read these declarations, so a new provider is one
folder. Everything here is pure: no database, no network, no provider is named.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path

# Names that answers and bodies use beside the provider's own fields.
ENVELOPE_NAMES = ("enabled", "name", "provider", "slot", "metadata", "items", "statistics", "description")
READ_ONLY_NAMES = (
    *("id", "tenant", "owner", "is_default", "health", "status", "version", "unreadable"),
    *("created_at", "created_by", "updated_at", "updated_by"),
)
RESERVED_NAMES = frozenset({*ENVELOPE_NAMES, *READ_ONLY_NAMES})
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PROVIDER_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
# Control, format and surrogate characters, line and paragraph separators: invisible in a form, fatal in a header.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# The three shapes in which a secret is shown. Nobody's secret looks like that; a copied answer does.
_MASKED = re.compile(r".{10}\*{3}.{6}|\*{3}.{4}|\*{3}")

# A hostile body may hold a million names; an answer does not repeat them.
_MOST_UNKNOWN_NAMED = 20
_LONGEST_NAME_SHOWN = 100


class Capability(StrEnum):
    """What a provider can do. Code asks for one of these, never for a provider by name."""

    TEST = "test"
    SEND_MESSAGE = "send_message"
    OAUTH2 = "oauth2"
    SYNC = "sync"
    NOTIFY = "notify"
    PROXY = "proxy"
    WEBHOOK_BASE = "webhook_base"


class FieldKind(StrEnum):
    TEXT = "text"
    URL = "url"


class InvalidValueError(ValueError):
    """A field refuses a value. The message says what would be right and never repeats the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One setting of a provider. It is secret unless it is declared public."""

    name: str
    label: str
    help: str
    example: str
    secret: bool = True
    required: bool = False
    required_without: tuple[str, ...] = ()
    """Required when none of these other fields has a value."""
    kind: FieldKind = FieldKind.TEXT
    pattern: str = ""
    """What the whole value must match, after white space around it was removed and `normalise` was applied."""
    pattern_message: str = ""
    max_length: int = 500
    normalise: Callable[[str], str] = str

    def clean(self, value: object) -> str:
        """Return the value as it is stored, "" for a blank one, or raise InvalidValueError."""
        if value is None:
            return ""
        if not isinstance(value, str):
            raise InvalidValueError("Must be a string.")
        text = value.strip()
        if not text:
            return ""
        if len(text) > self.max_length:
            raise InvalidValueError(f"At most {self.max_length} characters.")
        if any(unicodedata.category(character) in _INVISIBLE for character in text):
            raise InvalidValueError("Contains an invisible or control character: copy the value again without it.")
        if self.secret and _MASKED.fullmatch(text):
            raise InvalidValueError("This is the masked form of a secret: give the secret itself or leave it out.")
        text = self.normalise(text)
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise InvalidValueError(self.pattern_message)
        return _checked_url(text) if self.kind is FieldKind.URL else text


def _checked_url(text: str) -> str:
    """Return an address without its trailing slash, or say why nothing may be sent there."""
    # Imported late: the guard reads Django's settings, which the declarations themselves do not need.
    from integrations.egress.errors import DestinationError
    from integrations.egress.urls import check_destination

    try:
        return check_destination(text).rstrip("/")
    except DestinationError as error:
        raise InvalidValueError(str(error)) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A kind of external system and the settings that it needs.

    Raises ValueError when it is made from a contradictory declaration, so that a mistake stops the start.
    """

    key: str
    label: str
    slot: str
    """What a tenant has one default of. Providers that can replace one another share a slot."""
    fields: tuple[Field, ...]
    documentation: Path
    """The page for people: where to find each value, what to know."""
    capabilities: frozenset[Capability] = frozenset()
    """What is implemented, not what the external system could do."""
    webhook_base_field: str = ""
    """The public field that holds the address with which derived webhook addresses start."""

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        public = {field.name for field in self.public_fields}
        for problem, is_there in (
            ("its key is malformed", not _PROVIDER_KEY.fullmatch(self.key)),
            ("a field is declared twice", len(set(names)) != len(names)),
            ("a field has a malformed name", not all(map(_FIELD_NAME.fullmatch, names))),
            ("a field has a reserved name", not RESERVED_NAMES.isdisjoint(names)),
            ("a field refers to an unknown one", any(not set(f.required_without) <= set(names) for f in self.fields)),
            (
                "webhook_base_field is no public field",
                bool(self.webhook_base_field) and self.webhook_base_field not in public,
            ),
            (
                "webhook_base_field and its capability go together",
                bool(self.webhook_base_field) != (Capability.WEBHOOK_BASE in self.capabilities),
            ),
        ):
            if is_there:
                raise ValueError(f"provider {self.key}: {problem}")

    @property
    def public_fields(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if not field.secret)

    @property
    def secret_fields(self) -> tuple[Field, ...]:
        return tuple(field for field in self.fields if field.secret)

    def can(self, capability: Capability) -> bool:
        return capability in self.capabilities

    def problems(self, values: Mapping[str, object], *, stored: Collection[str] = ()) -> dict[str, list[str]]:
        """Return what is wrong with `values`, by field; empty when they can be stored.

        `stored` names fields that hold a value already and keep it: they count as given and are not checked again.
        None and blank mean absent. Any JSON value may be passed; nothing is raised.
        """
        problems: dict[str, list[str]] = {}
        present = set(stored)
        for field in self.fields:
            if field.name not in values:
                continue
            try:
                cleaned = field.clean(values[field.name])
            except InvalidValueError as error:
                problems[field.name] = [str(error)]
                cleaned = "invalid"
            present = present | {field.name} if cleaned else present - {field.name}
        for field in self.fields:
            if field.name not in present and (reason := self._reason_to_require(field, present)):
                problems[field.name] = [reason]
        known = {field.name for field in self.fields}
        for name in islice((name for name in values if name not in known), _MOST_UNKNOWN_NAMED):
            problems[name[:_LONGEST_NAME_SHOWN]] = [self._reason_to_refuse(name)]
        return problems

    def cleaned(self, values: Mapping[str, object]) -> dict[str, str]:
        """Return the values that are not blank as they are stored; raises InvalidValueError for an invalid one."""
        cleaned = {field.name: field.clean(values[field.name]) for field in self.fields if field.name in values}
        return {name: value for name, value in cleaned.items() if value}

    def _reason_to_refuse(self, name: str) -> str:
        if name in RESERVED_NAMES:
            return "This field cannot be written here."
        return f"Unknown field. {self.label} has {', '.join(field.name for field in self.fields)}."

    def _reason_to_require(self, field: Field, present: AbstractSet[str]) -> str:
        if field.required:
            return "This field is required."
        if field.required_without and present.isdisjoint(field.required_without):
            return f"Give {' or '.join((field.name, *field.required_without))}."
        return ""
