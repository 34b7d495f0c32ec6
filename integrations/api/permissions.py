"""Who may use the platform API and the admin, and what a tenant's credential must allow at `/api/v1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

if TYPE_CHECKING:  # the settings name this class, and DRF's views read the settings
    from rest_framework.views import APIView


class IsPlatformAdmin(BasePermission):
    """Allow active superusers and staff with the platform permission; nobody else sees across tenants."""

    message = "Only platform admins may do this."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(getattr(request.user, "is_platform_admin", False))


class HasScope(BasePermission):
    """Allow a tenant's credential that has the scope which the view names for this method; deny where it names none.

    `OPTIONS`, which tells nothing of a tenant, is open to every valid credential.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        from integrations.authentication.access import TenantAccess

        if not isinstance(request.auth, TenantAccess):
            return False
        if request.method == "OPTIONS":
            return True
        method = "GET" if request.method == "HEAD" else request.method
        needed = getattr(view, "scopes", {}).get(method)
        self.message = f"This credential lacks the scope {needed}." if needed else "This is not for tenants."
        return needed is not None and request.auth.allows(needed)
