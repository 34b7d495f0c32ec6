"""The admin site: Django's own, under Signalbox's name, for platform admins only."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest


class SignalboxAdminSite(admin.AdminSite):
    site_title = "Signalbox"
    site_header = "Signalbox"
    index_title = "Control room"
    site_url = None
    enable_nav_sidebar = True

    def has_permission(self, request: HttpRequest) -> bool:
        """Let platform admins in, and nobody else: staff of other kinds would see every tenant's rows."""
        return getattr(request.user, "is_platform_admin", False)
