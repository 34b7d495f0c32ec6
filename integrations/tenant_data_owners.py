"""The declared owners of tenant data, in the order in which they delete."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.utils.module_loading import import_string

from integrations.ports import TenantDataOwner


def tenant_data_owners() -> list[TenantDataOwner]:
    """Return the objects that `TENANT_DATA_OWNERS` names; those that refer to others come first."""
    return [cast(TenantDataOwner, import_string(path)) for path in settings.TENANT_DATA_OWNERS]
