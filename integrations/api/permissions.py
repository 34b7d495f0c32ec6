"""Who may use the platform API and the admin."""

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
