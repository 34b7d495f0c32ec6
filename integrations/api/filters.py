"""Filters of lists which refuse nonsense, instead of answering it with everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

_WORDS = {"true": True, "false": False}


class _TrueOrFalse(forms.Field):
    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        word = str(value).lower()
        if word not in _WORDS:
            raise forms.ValidationError("Must be true or false.")
        return _WORDS[word]


class StrictBooleanFilter(django_filters.BooleanFilter):
    """`true` or `false`; anything else is a 422 (django-filter's own ignores it)."""

    field_class = _TrueOrFalse


class StableOrdering(django_filters.OrderingFilter):
    """`ordering=name,-created_at`; rows that are equal in all of these come in the order of their ids."""

    def filter(self, qs: QuerySet[Any], value: Iterable[str] | None) -> QuerySet[Any]:
        ordered = super().filter(qs, value)
        return ordered.order_by(*ordered.query.order_by, "id") if value else ordered
