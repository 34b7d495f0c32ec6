"""Answers that are made while they are sent: each page is a unit of work of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from integrations.isolation.scope import tenant_scope
from integrations.models import Tenant

Row = TypeVar("Row")
Mark = TypeVar("Mark")


def pages_in_scope(
    tenant: Tenant, fetch: Callable[[Mark | None], tuple[Sequence[Row], Mark | None]]
) -> Iterator[Sequence[Row]]:
    """Yield the pages that `fetch` reads, each in a scope of its own: no transaction is open while a page is sent.

    A streaming response's body is made after the view has returned, and for as long as the client takes. `fetch` gets
    the mark where the previous page ended (None for the first) and returns the rows of the next one with its end's
    mark, None after the last. Page by key, such as `id > mark`: pages are read at different times. The rows have to be
    complete, since nothing can be loaded after the scope: values, or texts that are written already.

    In a tenant's request a generator that reads otherwise is refused by the guard.
    """
    mark: Mark | None = None
    while True:
        with tenant_scope(tenant):
            rows, mark = fetch(mark)
            page = list(rows)
        if page:
            yield page
        if mark is None:
            return
