"""What a provider declares: its fields, and the rules that a set of values must keep.

API validation, the admin form, masking and the reference page all read these declarations, so a new provider is one
folder. Everything here is pure: no database, no network, no provider is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from django.utils.module_loading import import_string

from integrations.providers.field_values import (
    InvalidValueError,
    checked_email,
    checked_json,
    checked_object,
    checked_url,
    is_masked,
    refuse_invisible,
)

if TYPE_CHECKING:
    from integrations.providers.actions import Action
    from integrations.providers.connection_test import ConnectionTest
    from integrations.providers.example import Example

# Names that answers and bodies use beside the provider's own fields.
ENVELOPE_NAMES = (
    *("enabled", "name", "provider", "slot", "metadata", "items", "statistics", "description"),
    *("integration", "force", "capabilities"),
)
READ_ONLY_NAMES = (
    *("id", "tenant", "owner", "is_default", "health", "status", "version", "unreadable"),
    *("created_at", "created_by", "updated_at", "updated_by", "secret_changed_at", "expires_at"),
    *("tested_at", "test_result", "test_message", "test_latency_ms"),
)
RESERVED_NAMES = frozenset({*ENVELOPE_NAMES, *READ_ONLY_NAMES})
_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PROVIDER_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
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


SWITCHABLE: Final = (Capability.SEND_MESSAGE, Capability.NOTIFY, Capability.SYNC, Capability.PROXY)
"""What can be switched off for one integration, beside each of its actions. Testing it stays possible."""


class FieldKind(StrEnum):
    """What a value is: it decides how it is checked, and by which input a form asks for it."""

    TEXT = "text"
    URL = "url"
    """Goes through the egress guard; stored without its trailing slash."""
    EMAIL = "email"
    CHOICE = "choice"
    """One of the field's `choices`: a region, a data centre, a kind of authentication."""
    MULTILINE = "multiline"
    """A text in which line breaks mean something."""
    OBJECT = "object"
    """A JSON object of names and texts, such as further headers or named credentials; stored as canonical JSON."""
    JSON = "json"
    """A JSON array or object of any shape, for parameters of actions; given as one or as text."""


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
    required_when: tuple[str, tuple[str, ...]] | None = None
    """Required when another, public field has one of these values; its default counts."""
    required_with: tuple[str, ...] = ()
    """Required when one of these other fields has a value."""
    used_when: tuple[str, tuple[str, ...]] | None = None
    """It means something only when another, public field has one of these values; see `matters_when`."""
    section: str = ""
    """The heading below which a form folds it away; "" for what nearly everybody fills in."""
    kind: FieldKind = FieldKind.TEXT
    pattern: str = ""
    """What the whole value must match, after white space around it was removed and `normalise` was applied."""
    pattern_message: str = ""
    max_length: int = 500
    normalise: Callable[[str], str] = str
    choices: tuple[tuple[str, str], ...] = ()
    """Values and labels of a field of the kind CHOICE."""
    default: str = ""
    """What counts when the field is left out (`Values`); it is not stored."""
    name_pattern: str = r"[A-Za-z][A-Za-z0-9_]{0,63}"
    """What the names of an OBJECT must match as a whole."""
    name_message: str = "A name consists of letters, digits and underscores, and begins with a letter."
    environment: tuple[str, ...] = ()
    """Older names of the variable that holds the platform's own value (`integrations.providers.environment`)."""

    @property
    def refers_to(self) -> tuple[str, ...]:
        """The names of the other fields on which it depends whether this one is required, or means anything."""
        conditions = (condition[0] for condition in (self.required_when, self.used_when) if condition)
        return (*self.required_without, *self.required_with, *conditions)

    @property
    def matters_when(self) -> tuple[str, tuple[str, ...]] | None:
        """With which values of another field a form has to ask for it; None: always."""
        return self.used_when or self.required_when

    @property
    def is_object(self) -> bool:
        return self.kind is FieldKind.OBJECT

    def clean(self, value: object) -> str:
        """Return the value as it is stored, "" for a blank one, or raise InvalidValueError."""
        if value is None:
            return ""
        if self.is_object and (not isinstance(value, str) or value.strip()):
            text = checked_object(
                value, name_pattern=self.name_pattern, name_message=self.name_message, secret=self.secret
            )
            return self._bounded(text)
        if self.kind is FieldKind.JSON:
            return self._bounded(checked_json(value))
        if not isinstance(value, str):
            raise InvalidValueError("Must be a string.")
        text = self._bounded(value.strip())
        if not text:
            return ""
        refuse_invisible(text, allowed="\n\r\t" if self.kind is FieldKind.MULTILINE else "")
        if self.secret and is_masked(text):
            raise InvalidValueError("This is the masked form of a secret: give the secret itself or leave it out.")
        text = self.normalise(text)
        if self.kind is FieldKind.CHOICE and text not in dict(self.choices):
            raise InvalidValueError(f"Must be one of {', '.join(value for value, _ in self.choices)}.")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise InvalidValueError(self.pattern_message)
        if self.kind is FieldKind.EMAIL:
            return checked_email(text)
        return checked_url(text) if self.kind is FieldKind.URL else text

    def reason_to_require(self, present: Collection[str], values: Mapping[str, str]) -> str:
        """Return why a field without a value needs one, "" where it needs none.

        `present` names the fields that have a value, `values` what the public ones of them are, defaults among them.
        """
        if self.required:
            return "This field is required."
        if self.required_without and not any(name in present for name in self.required_without):
            return f"Give {' or '.join((self.name, *self.required_without))}."
        if with_it := [name for name in self.required_with if name in present]:
            return f"This field is required together with {' and '.join(with_it)}."
        if self.required_when and values.get(self.required_when[0]) in self.required_when[1]:
            other, wanted = self.required_when
            return f"This field is required when {other} is {' or '.join(wanted)}."
        return ""

    def _bounded(self, text: str) -> str:
        if len(text) > self.max_length:
            raise InvalidValueError(f"At most {self.max_length} characters.")
        return text


_DECLARED_BY = {
    "test": Capability.TEST,
    "oauth2": Capability.OAUTH2,
    "messaging": Capability.SEND_MESSAGE,
    "notify": Capability.NOTIFY,
}


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
    test: ConnectionTest | str | None = None
    """`Capability.TEST`: the function that proves that values work (`connection_test`), or its dotted path."""
    oauth2: Any = None
    """`Capability.OAUTH2`: how tokens are got and refreshed, or its dotted path."""
    messaging: Any = None
    """`Capability.SEND_MESSAGE`: how messages are sent and their callbacks understood, or its dotted path."""
    notify: Any = None
    """`Capability.NOTIFY`: how a notice reaches people there, or its dotted path."""
    actions: tuple[Action | str, ...] = ()
    """What can be done there on request (`integrations.providers.actions`), each a declaration or its dotted path."""
    examples: tuple[Example, ...] = ()
    """Settings of several kinds of use, where one example per field does not show how they go together."""

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        public = {field.name for field in self.public_fields}
        for problem, is_there in (
            ("its key is malformed", not _PROVIDER_KEY.fullmatch(self.key)),
            ("a field is declared twice", len(set(names)) != len(names)),
            ("a field has a malformed name", not all(map(_FIELD_NAME.fullmatch, names))),
            ("a field has a reserved name", not RESERVED_NAMES.isdisjoint(names)),
            ("a field refers to an unknown one", any(not set(f.refers_to) <= set(names) for f in self.fields)),
            ("an example names an unknown field", any(not set(e.values) <= set(names) for e in self.examples)),
            (
                "webhook_base_field is no public field",
                bool(self.webhook_base_field) and self.webhook_base_field not in public,
            ),
            (
                "webhook_base_field and its capability go together",
                bool(self.webhook_base_field) != (Capability.WEBHOOK_BASE in self.capabilities),
            ),
            *(
                (
                    f"{name} and its capability go together",
                    bool(getattr(self, name)) != (capability in self.capabilities),
                )
                for name, capability in _DECLARED_BY.items()
            ),
            (
                "choices and their kind go together",
                any(bool(f.choices) != (f.kind is FieldKind.CHOICE) for f in self.fields),
            ),
        ):
            if is_there:
                raise ValueError(f"provider {self.key}: {problem}")

    @property
    def connection_test(self) -> ConnectionTest | None:
        """The function that tests the connection, imported on first use; None without the capability."""
        return cast("ConnectionTest | None", self.declaration("test"))

    def declaration(self, name: str) -> Any:
        """Return what is declared for a capability (`test`, `oauth2`, …), imported on first use; None for nothing."""
        declared = getattr(self, name)
        return import_string(declared) if isinstance(declared, str) else declared

    @property
    def declared_actions(self) -> tuple[Action, ...]:
        """Its actions in the order in which people see them, imported on first use."""
        found = (import_string(action) if isinstance(action, str) else action for action in self.actions)
        return tuple(cast("Iterator[Action]", found))

    @property
    def switches(self) -> tuple[str, ...]:
        """The names of what can be switched off for one integration: capabilities, then actions."""
        capabilities = (str(capability) for capability in SWITCHABLE if self.can(capability))
        return tuple(dict.fromkeys((*capabilities, *(action.name for action in self.declared_actions))))

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

        `stored` names fields that hold a value already and keep it: they count as given and are not checked again. As a
        mapping it also tells the public ones' values, on which other fields may depend. None and blank mean absent. Any
        JSON value may be passed; nothing is raised.
        """
        problems: dict[str, list[str]] = {}
        present = set(stored)
        known_values = {field.name: field.default for field in self.fields}
        if isinstance(stored, Mapping):
            known_values |= {name: value for name, value in stored.items() if isinstance(value, str)}
        for field in self.fields:
            if field.name not in values:
                continue
            try:
                cleaned = field.clean(values[field.name])
            except InvalidValueError as error:
                problems[field.name] = [str(error)]
                cleaned = "invalid"
            present = present | {field.name} if cleaned else present - {field.name}
            known_values[field.name] = cleaned or field.default
        for field in self.fields:
            if field.name not in present and (reason := field.reason_to_require(present, known_values)):
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
