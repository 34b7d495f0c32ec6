"""Lists of logs that look back a day once they are filtered or sorted: a rare value is found by reading every row.

The rows come by UUIDv7 ids, a day being a partition: a span of time is a range of ids, and PostgreSQL opens the
partitions of that range alone. Unfiltered, a list walks down the ids from the newest and needs no such bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.contrib.admin.views.main import ERROR_FLAG, IGNORED_PARAMS, ORDER_VAR, PAGE_VAR
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from integrations.ids import uuid7_floor

_PARAMETER: Final = "when"
_ANY_TIME: Final = "all"
_DEFAULT: Final = "24h"
_SPANS: Final = {
    "24h": ("Last 24 hours", timedelta(hours=24)),
    "7d": ("Last 7 days", timedelta(days=7)),
    "30d": ("Last 30 days", timedelta(days=30)),
}
_CHOICES: Final = {_ANY_TIME: "Any time"} | {name: label for name, (label, _) in _SPANS.items()}
_HARMLESS: Final = {*IGNORED_PARAMS, PAGE_VAR, ERROR_FLAG, _PARAMETER} - {ORDER_VAR}
# Ids are made by the clocks of several hosts, and partitions beyond tomorrow hold nothing that is worth opening.
_CLOCK_TOLERANCE: Final = timedelta(days=1)


class WhenFilter(admin.SimpleListFilter):
    """How far back a list looks: at all of time, or at the last 24 hours when something else narrows or sorts it."""

    title = "when"
    parameter_name = _PARAMETER

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.chosen = chosen_period(request, model_admin)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(_CHOICES.items())

    def choices(self, changelist: Any) -> Iterator[Any]:
        for name, label in _CHOICES.items():
            address = changelist.get_query_string({_PARAMETER: name}, [PAGE_VAR])
            yield {"selected": name == self.chosen, "query_string": address, "display": label}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.chosen == _ANY_TIME:
            return queryset
        _label, span = _SPANS[self.chosen]
        now = timezone.now()
        return queryset.filter(id__gte=uuid7_floor(now - span), id__lt=uuid7_floor(now + _CLOCK_TOLERANCE))


class RecentRowsMixin:
    """For an admin whose `list_filter` has the WhenFilter: the page says which time it shows."""

    indexed_lookups: ClassVar[frozenset[str]] = frozenset()
    """What narrows the list by an index whose rows come by id or are few: one of these alone may look at all of time."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        chosen = chosen_period(request, self)
        said = {} if chosen == _ANY_TIME else {"subtitle": _explanation(chosen, request)}
        return super().changelist_view(request, {**said, **(extra_context or {})})  # type: ignore[misc]


def chosen_period(request: HttpRequest, model_admin: Any) -> str:
    """Return the name of the span that is shown: the one asked for, else the one that the other filters call for."""
    asked = request.GET.get(_PARAMETER)
    if asked in _CHOICES:
        return asked
    narrowing = {name.removesuffix("__exact") for name in request.GET} - _HARMLESS
    is_cheap = not narrowing or (len(narrowing) == 1 and narrowing <= model_admin.indexed_lookups)
    return _ANY_TIME if is_cheap else _DEFAULT


def _explanation(chosen: str, request: HttpRequest) -> str:
    label, _span = _SPANS[chosen]
    if request.GET.get(_PARAMETER) == chosen:
        return label
    return f"{label}, as the list is filtered or sorted: choose another time under “when”"
