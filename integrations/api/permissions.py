"""Who may use the platform API and the admin, and what a tenant's credential must allow at `/api/v1`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from integrations.platform_roles import may_change, may_see_secrets, may_view

if TYPE_CHECKING:  # the settings name this class, and DRF's views read the settings
    from rest_framework.views import APIView


class IsPlatformAdmin(BasePermission):
    """Let platform staff in, auditors to read only: neither to change anything nor to read a view's `shows_secrets`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not may_view(request.user):
            self.message = "Only platform admins may do this."
            return False
        from integrations.authentication.two_step import second_step_is_missing  # models, once they are loaded

        if second_step_is_missing(request.user):
            self.message = "Set up two-step log-in in the admin first: this site requires it of platform staff."
            return False
        if request.method not in SAFE_METHODS and not may_change(request.user):
            self.message = "Auditors may read, but change nothing."
            return False
        self.message = "Auditors may see no secret."
        return may_see_secrets(request.user) or not getattr(view, "shows_secrets", False)


class HasScope(BasePermission):
    """Allow a tenant's credential that has the scope which the view names for this method; deny where it names none.

    `OPTIONS`, which tells nothing of a tenant, is open to every valid credential.
    """

    def has_permission(self, request: Request, view: APIView) -> bool:
        from integrations.authentication.access import TenantAccess
        from integrations.scopes import meets

        if not isinstance(request.auth, TenantAccess):
            return False
        if request.method == "OPTIONS":
            return True
        method = "GET" if request.method == "HEAD" else request.method
        needed = getattr(view, "scopes", {}).get(method)
        self.message = f"This credential lacks the scope {needed}." if needed else "This is not for tenants."
        return needed is not None and meets(request.auth.scopes, needed)
