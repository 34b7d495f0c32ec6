"""A provider's declaration as data, so that a program can draw a form from it. Holds nothing of a tenant or of the site."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from integrations.providers.actions import Action
from integrations.providers.base import Field, Provider

PAGES = "docs/providers"


def described(provider: Provider) -> dict[str, Any]:
    """Return a provider as plain JSON: what it is called, what it can do, its fields in the order of a form, its actions."""
    return {
        "key": provider.key,
        "label": provider.label,
        "slot": provider.slot,
        "capabilities": sorted(str(capability) for capability in provider.capabilities),
        "documentation": documentation_of(provider),
        "fields": [_described(field) for field in provider.fields],
        "actions": [described_action(action) for action in provider.declared_actions],
        "examples": [
            {"title": example.title, "note": example.note, "values": dict(example.values)}
            for example in provider.examples
        ],
    }


def described_action(action: Action) -> dict[str, Any]:
    """Return an action as plain JSON, with its parameters in the order of a form."""
    return {
        "name": action.name,
        "label": action.label,
        "summary": action.summary,
        "repeatable": action.is_repeatable,
        "parameters": [_described(parameter) for parameter in action.parameters],
        "answer": dict(action.answer),
    }


def documentation_of(provider: Provider) -> str:
    """Return where the provider's page is: an address where the site publishes its pages, else a path in the repository."""
    published: str = settings.DOCUMENTATION_URL
    return f"{published}/providers/{provider.key}.md" if published else f"{PAGES}/{provider.key}.md"


def _described(field: Field) -> dict[str, Any]:
    return {
        "name": field.name,
        "label": field.label,
        "help": field.help,
        "kind": field.kind.value,
        "secret": field.secret,
        "required": field.required,
        "required_without": list(field.required_without),
        "required_with": list(field.required_with),
        "required_when": _condition(field.required_when),
        "used_when": _condition(field.matters_when),
        "section": field.section,
        "pattern": field.pattern,
        "pattern_message": field.pattern_message,
        "normalised": field.normalise is not str,
        "max_length": field.max_length,
        "choices": [{"value": value, "label": label} for value, label in field.choices],
        "default": field.default,
        "example": field.example,
    }


def _condition(declared: tuple[str, tuple[str, ...]] | None) -> dict[str, Any] | None:
    return {"field": declared[0], "values": list(declared[1])} if declared else None
