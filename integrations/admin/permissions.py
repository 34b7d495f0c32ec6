"""What each platform role may do in the admin (`integrations.platform_roles`), instead of Django's four permissions a model."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

from integrations.platform_roles import may_change, may_manage_staff, may_view

View = Callable[..., HttpResponseBase]


class ReadOnlyAdminMixin:
    """For logs: nobody adds, changes or deletes a row."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return may_view(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)


class PlatformModelAdmin(admin.ModelAdmin):
    """A model that owners and operators manage, and auditors read."""

    def may_change(self, request: HttpRequest) -> bool:
        """Whether who asks may add, change and delete rows of this model."""
        return may_change(request.user)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self.may_change(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return may_view(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_view(request.user)

    def changing_page(self, view: View) -> View:
        """Wrap a page of the model's own, for its URL: closed to those who may only look, whatever the method."""

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_change_permission(request):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return self.admin_site.admin_view(guarded)


class StaffModelAdmin(PlatformModelAdmin):
    """A model that owners alone manage; everybody else with a role reads it."""

    def may_change(self, request: HttpRequest) -> bool:
        return may_manage_staff(request.user)
