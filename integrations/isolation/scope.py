"""One tenant's unit of work: a transaction under a role that sees this tenant's rows and no others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from integrations.isolation.tables import TENANT_SETTING
from integrations.isolation.thread_state import state
from integrations.isolation.transaction_settings import transaction_settings

if TYPE_CHECKING:
    from integrations.models import Tenant


class ScopeConflictError(RuntimeError):
    """A unit of work of one tenant tried to open one of another: a mistake in the calling code."""


@contextmanager
def tenant_scope(tenant: Tenant | UUID) -> Iterator[None]:
    """Run the block in a transaction in which the database shows and takes only this tenant's rows.

    Services open it around each unit of work, never around a view and never around an HTTP request: accept, commit,
    wait, read. It guards against a forgotten filter, not against SQL injection. It holds for the default connection
    of this thread alone.

    A nested scope of the same tenant is a savepoint. Within the owner's transaction (an admin view) the scope is a
    savepoint too, and gives the owner's role back at its end, however the block ends. Callbacks of
    `transaction.on_commit` run after the scope, as the owner.

    Raises:
        ScopeConflictError: inside a scope or a request of another tenant.
        TypeError: it got neither a tenant nor a UUID.
        TransactionManagementError: an SQL error was caught in the block without a `transaction.atomic()` of its own,
            or the connection was closed in it: its work would be lost silently.
    """
    tenant_id = getattr(tenant, "pk", tenant)
    if not isinstance(tenant_id, UUID):
        raise TypeError(f"A scope needs a tenant or its UUID, not {tenant!r}.")
    if state.tenant_id is not None:
        if state.tenant_id != tenant_id:
            raise ScopeConflictError(
                f"The scope of tenant {state.tenant_id} is open: end it before opening that of {tenant_id}."
            )
        with transaction.atomic():
            yield
        return
    if state.request_tenant_id not in {None, tenant_id}:
        raise ScopeConflictError(
            f"This request is tenant {state.request_tenant_id}'s: it opens no scope of {tenant_id}."
        )
    with transaction_settings({"role": settings.TENANT_ROLE, TENANT_SETTING: str(tenant_id)}):
        state.tenant_id = tenant_id
        try:
            yield
        finally:
            # Before the transaction ends: what runs on commit is outside of the scope already.
            state.tenant_id = None


def current_tenant_id() -> UUID | None:
    """Return the tenant whose scope is open in this thread, if any."""
    return state.tenant_id
