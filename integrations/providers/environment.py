"""The platform's own values for a provider, from the environment: what is used where a tenant has none of its own.

A field is `SIGNALBOX_<PROVIDER>_<FIELD>`, or the path of a mounted secret in the same name with `_FILE`; some fields have
older names besides. Read anew each time, so that nothing of it is kept in memory for longer than a call.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from environ.fileaware_mapping import FileAwareMapping

from integrations.providers.base import Field, Provider
from integrations.providers.field_values import InvalidValueError
from integrations.providers.oauth2 import oauth2_of


@dataclass(frozen=True, slots=True)
class EnvironmentValues:
    """The valid values by field, and by the variable's name what is wrong with the others. Its repr shows no value."""

    values: dict[str, str] = field(default_factory=dict, repr=False)
    problems: dict[str, str] = field(default_factory=dict)
    is_complete: bool = False
    """Whether the platform's credentials can be used: every required field has a valid value, beside an OAuth2 app."""


def environment_name(provider: Provider, declared: Field) -> str:
    """Return the name of a field's variable."""
    return f"SIGNALBOX_{provider.key}_{declared.name}".upper()


def environment_values(provider: Provider, variables: Mapping[str, str] | None = None) -> EnvironmentValues:
    """Read and check the platform's values. Raises nothing; a value that a field refuses is a problem and left out."""
    source = FileAwareMapping(os.environ if variables is None else dict(variables), cache=False)
    values: dict[str, str] = {}
    problems: dict[str, str] = {}
    for declared in provider.fields:
        name, raw = _first_set(source, (environment_name(provider, declared), *declared.environment), problems)
        if not raw:
            continue
        try:
            values[declared.name] = declared.clean(raw)
        except InvalidValueError as error:
            problems[name] = str(error)
    missing = provider.problems(values)
    if values:
        by_name = {declared.name: declared for declared in provider.fields}
        for field_name, reasons in missing.items():
            problems.setdefault(environment_name(provider, by_name[field_name]), reasons[0])
    usable = _without_app(provider, values)
    return EnvironmentValues(values, problems, is_complete=bool(usable) and not provider.problems(usable))


def _without_app(provider: Provider, values: Mapping[str, str]) -> dict[str, str]:
    """Leave out an OAuth app that people connect with: by itself it is nobody's credentials."""
    declared = oauth2_of(provider)
    known = {**{field.name: field.default for field in provider.fields}, **values}
    if declared is None or not declared.is_used_by(known) or declared.asks_by_itself(known):
        return dict(values)
    app = {declared.client_id_field, declared.client_secret_field, declared.previous_secret_field}
    return {name: value for name, value in values.items() if name not in app}


def _first_set(source: Mapping[str, str], names: tuple[str, ...], problems: dict[str, str]) -> tuple[str, str]:
    found: dict[str, str] = {}
    for name in names:
        try:
            value = str(source.get(name, "")).strip()
        except OSError as error:
            problems[f"{name}_FILE"] = f"Names {error.filename}, which cannot be read: {error.strerror}."
            continue
        if value:
            found[name] = value
    if not found:
        return names[0], ""
    if len(set(found.values())) > 1:
        used, *others = found
        problems[used] = f"Differs from {' and '.join(others)}: keep one of them. {used} is used."
    return next(iter(found.items()))
