"""The two audiences of the API, which share their views: platform admins below a tenant's path, tenants at `/api/v1`."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from django.urls import URLPattern, path

if TYPE_CHECKING:
    from integrations.api.tenancy import TenantMixin


class Audience(StrEnum):
    """For whom an address is: it decides who is let in, and where the tenant comes from."""

    PLATFORM = "platform"
    TENANT = "tenant"


def tenant_paths(route: str, view: type[TenantMixin]) -> list[URLPattern]:
    """Return both addresses of a view: `platform/tenants/{tenant}/<route>`, and `v1/<route>` for the tenant itself."""
    return [platform_path(route, view), v1_path(route, view)]


def platform_path(route: str, view: type[TenantMixin]) -> URLPattern:
    """Return the address at which platform admins act for a tenant, which the path names."""
    return path(f"platform/tenants/<str:tenant>/{route}", view.as_view(audience=Audience.PLATFORM))


def v1_path(route: str, view: type[TenantMixin]) -> URLPattern:
    """Return the address for tenants themselves: the tenant comes from the credential, never from the request."""
    return path(f"v1/{route}", view.as_view(audience=Audience.TENANT))
