"""Filters of change lists that are typed, not chosen: there may be thousands of tenants, and no list of all days."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar, Final

from django.contrib.admin import ListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date

_YEARS: Final = range(2000, 3000)


class TypedFilter(ListFilter):
    """A small form among the filters, which keeps the other filters as they are."""

    template = "admin/typed_filter.html"
    parameter_names: ClassVar[tuple[str, ...]] = ()
    input_type = "text"
    placeholder = ""

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameter_names:
            given = params.pop(name, None)
            if given and given[-1].strip():
                self.used_parameters[name] = given[-1].strip()

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameter_names)

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Give the template one entry: the fields of the form, and what else is in the address."""
        query = changelist.get_query_string(remove=["p", *self.parameter_names])
        yield {
            "fields": [
                (name, self.label_of(name), self.used_parameters.get(name, "")) for name in self.parameter_names
            ],
            "reset": query,
            "is_used": bool(self.used_parameters),
            "kept": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name not in self.parameter_names
                for value in values
            ],
        }

    def label_of(self, name: str) -> str:
        """Return what the field is called for people who hear the page."""
        return str(self.title)


class InputFilter(TypedFilter):
    """One text field."""

    parameter_name = ""

    def __init_subclass__(cls) -> None:
        cls.parameter_names = (cls.parameter_name,)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = str(self.used_parameters.get(self.parameter_name, ""))
        return queryset if not value or "\0" in value else self.filtered(queryset, value)

    def filtered(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Return what is left for a value that was typed."""
        raise NotImplementedError


class DayFilter(TypedFilter):
    """From one day to another (UTC), both included. What is no date of this age is left out of account."""

    parameter_names = ("from", "to")
    input_type = "date"

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first, last = self._day("from"), self._day("to")
        return self.between(
            queryset,
            None if first is None else _midnight(first),
            None if last is None else _midnight(last + timedelta(days=1)),
        )

    def between(self, queryset: QuerySet[Any], start: datetime | None, end: datetime | None) -> QuerySet[Any]:
        """Return what lies from `start` up to but without `end`."""
        raise NotImplementedError

    def label_of(self, name: str) -> str:
        return f"{name} {self.title}"

    def _day(self, name: str) -> date | None:
        try:
            day = parse_date(str(self.used_parameters.get(name, "")))
        except ValueError:  # the 31st of February
            return None
        return day if day is not None and day.year in _YEARS else None


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
