"""Finding a tenant by what a path or a command line names it."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from integrations.errors import NotFoundError
from integrations.models.tenant import SLUG_PATTERN, Tenant
from integrations.row_lookup import RowLookup

_BY_ID: Final = RowLookup(Tenant, "id = %s AND deleted_at IS NULL")
_BY_SLUG: Final = RowLookup(Tenant, "slug = %s AND deleted_at IS NULL")


def get_tenant(reference: str) -> Tenant:
    """Return the tenant with this id or slug; `NotFoundError` for one that never was or was deleted."""
    if is_uuid(reference):
        tenant = _BY_ID.find(UUID(reference))
    elif re.fullmatch(SLUG_PATTERN, reference):
        tenant = _BY_SLUG.find(reference)
    else:
        tenant = None  # and the database is spared texts that it cannot compare
    if tenant is None:
        raise NotFoundError("There is no such tenant.")
    return tenant


def is_uuid(text: str) -> bool:
    """Whether a path segment reads as a UUID in any of its spellings: it then never names a slug."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True
