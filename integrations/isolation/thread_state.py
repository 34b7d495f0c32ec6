"""What this thread is doing about tenants. Django's database connections belong to threads, and so does this."""

from __future__ import annotations

import threading
from uuid import UUID


class ThreadState(threading.local):
    """`scope`, `guard` and `middleware` write it; nobody else does."""

    tenant_id: UUID | None = None
    """Whose scope is open."""
    request_tenant_id: UUID | None = None
    """Whose request is served: no other tenant's scope opens in it, and no query passes outside of one."""
    why_outside: str | None = None
    """Why the guard lets statements outside of a scope pass; None when it does not."""
    in_request: bool = False
    """The middleware is around what runs, and takes the guard away again."""


state = ThreadState()
