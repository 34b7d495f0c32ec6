"""Finding a tenant by what a path or a command line names it."""

from __future__ import annotations

import re
from uuid import UUID

from integrations.errors import NotFoundError
from integrations.models.tenant import SLUG_PATTERN, Tenant


def get_tenant(reference: str) -> Tenant:
    """Return the tenant with this id or slug; `NotFoundError` for one that never was or was deleted."""
    if not (is_uuid(reference) or re.fullmatch(SLUG_PATTERN, reference)):
        raise NotFoundError("There is no such tenant.")  # and the database is spared texts that it cannot compare
    tenant = Tenant.objects.identified_by(reference).first()
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
