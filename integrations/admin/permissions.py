"""What platform admins may do in the admin: everything, except where a log is only for reading."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest


class ReadOnlyAdminMixin:
    """For logs: nobody adds, changes or deletes a row."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return getattr(request.user, "is_platform_admin", False)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


class PlatformModelAdmin(admin.ModelAdmin):
    """A model that platform admins manage. One permission decides, as in the API, not Django's four per model."""

    def _is_platform_admin(self, request: HttpRequest) -> bool:
        return getattr(request.user, "is_platform_admin", False)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._is_platform_admin(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._is_platform_admin(request)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._is_platform_admin(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._is_platform_admin(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_platform_admin(request)
