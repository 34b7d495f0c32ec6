"""Settings of one kind of use, made up: for beside a form, for the provider's page, and for programs that draw forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What a provider declares beside its fields where the same fields serve very different ends."""

    title: str
    values: Mapping[str, str]
    """As they would be entered, secrets among them, which are made up too."""
    note: str = ""
