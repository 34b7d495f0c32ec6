"""In a tenant's request every query outside a tenant's scope is refused: a forgotten scope fails, and shows nothing.

Row-level security keeps tenants apart where a scope is open. Without one a query runs as the owner, to whom the
database shows every tenant. So a wrapper around the request's connection refuses it, from the end of authentication
until the response has been closed: in services and views, and also in a stream, in late rendering and wherever else
something lazy is evaluated after its scope.

The wrapper sees what goes through Django's cursors. What goes past them (psycopg's `copy` and `stream`, a raw
connection) is allowed to the engine's modules alone, which a test watches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final
from uuid import UUID

import structlog
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections

from integrations.isolation.thread_state import state

logger = structlog.get_logger(__name__)

# What nested transactions are made of. It reads and writes no row.
_WITHOUT_ROWS: Final = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ")


class UnscopedQueryError(RuntimeError):
    """Code that serves a tenant queried the database outside of the tenant's scope: a mistake, answered with a 500."""


@contextmanager
def outside_scope(reason: str) -> Iterator[None]:
    """Let the block query as the owner, in a tenant's request, and say why that is right.

    For what a tenant's work needs from tables that are not the tenant's: people's accounts, above all. Only around a
    named service or query that takes no condition from the request but ids it has checked. Changes nothing outside of
    a tenant's request, and nothing inside a scope.
    """
    before, state.why_outside = state.why_outside, reason
    try:
        yield
    finally:
        state.why_outside = before


def arm(tenant_id: UUID) -> None:
    """From now until the response is closed refuse this thread's queries outside a scope, and other tenants' scopes.

    Raises:
        RuntimeError: `TenantGuardMiddleware` is not around this request, so that nobody would disarm.
    """
    if not state.in_request:
        raise RuntimeError("A tenant's request passes integrations.isolation.middleware.TenantGuardMiddleware first.")
    state.request_tenant_id = tenant_id
    wrappers = _wrappers()
    if _refuse_outside_scope not in wrappers:
        # The first is the outermost: whoever adds and pops a wrapper of their own never pops this one.
        wrappers.insert(0, _refuse_outside_scope)


def disarm() -> None:
    """Let this thread query as it likes again."""
    state.request_tenant_id = None
    wrappers = _wrappers()
    if _refuse_outside_scope in wrappers:
        wrappers.remove(_refuse_outside_scope)


def is_armed() -> bool:
    """Tell whether this thread serves a tenant's request."""
    return _refuse_outside_scope in _wrappers()


def _wrappers() -> list[Any]:
    """Return those of this thread's connection."""
    return connections[DEFAULT_DB_ALIAS].execute_wrappers


def _refuse_outside_scope(
    execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    if state.tenant_id is None and state.why_outside is None and not str(sql).startswith(_WITHOUT_ROWS):
        # Of the statement only names of tables are told: what else stands in it may be somebody's data.
        tables = ", ".join(sorted(_tables() & set(re.findall(r"\w+", str(sql))))) or "no table of this site"
        logger.error("query_outside_scope", tables=tables)
        raise UnscopedQueryError(
            f"A tenant's request queried {tables} outside of the tenant's scope. Open tenant_scope(tenant) around the "
            "unit of work and evaluate in it what is lazy; a stream takes pages_in_scope()."
        )
    return execute(sql, params, many, context)


@cache
def _tables() -> frozenset[str]:
    return frozenset(model._meta.db_table for model in apps.get_models(include_auto_created=True))
