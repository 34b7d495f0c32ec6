"""The admin site: Django's own under Signalbox's name, for platform staff, with a second step and a guard of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from integrations.platform_roles import may_change, may_view

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
# What is open to who has a second step to set up, and the pages on which auditors, too, change their own account.
_BEFORE_SECOND_STEP: Final = frozenset({"logout", "two_step", "jsi18n"})
_OWN_ACCOUNT: Final = _BEFORE_SECOND_STEP | {"password_change"}
_TENANT: Final = "integrations/tenant/<uuid:object_id>"


class SignalboxAdminSite(admin.AdminSite):
    site_title = "Signalbox"
    site_header = "Signalbox"
    index_title = "Control room"
    site_url = None
    enable_nav_sidebar = True
    index_template = "admin/analytics/dashboard/platform.html"

    def has_permission(self, request: HttpRequest) -> bool:
        """Let platform staff in, and nobody else: staff of other kinds would see every tenant's rows."""
        return may_view(request.user)

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Guard every page in one place, a model's own pages too, so that a new page cannot be forgotten."""
        from integrations.authentication.two_step import second_step_is_missing

        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            page = request.resolver_match.url_name if request.resolver_match else ""
            if page not in _BEFORE_SECOND_STEP and second_step_is_missing(request.user):
                return redirect("admin:two_step")
            if page not in _OWN_ACCOUNT and request.method not in _SAFE and not may_change(request.user):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return super().admin_view(guarded, cacheable)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        return [
            path("login/code/", self.log_in_code, name="log_in_code"),
            path("two-step/", self.admin_view(self.two_step), name="two_step"),
            path("dashboard/data/", self.admin_view(self.dashboard_data), name="dashboard_data"),
            path(f"{_TENANT}/dashboard/", self.admin_view(self.tenant_dashboard), name="tenant_dashboard"),
            path(
                f"{_TENANT}/dashboard/data/", self.admin_view(self.tenant_dashboard_data), name="tenant_dashboard_data"
            ),
            *super().get_urls(),
        ]

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from analytics.admin.dashboard import index_context

        return super().index(request, {**index_context(request), **(extra_context or {})})

    def dashboard_data(self, request: HttpRequest) -> HttpResponseBase:
        from analytics.admin.dashboard import platform_data

        return platform_data(request)

    def tenant_dashboard(self, request: HttpRequest, object_id: UUID) -> HttpResponseBase:
        from analytics.admin.dashboard import tenant_page

        request.current_app = self.name
        return tenant_page(request, object_id, shared=self.each_context(request))

    def tenant_dashboard_data(self, request: HttpRequest, object_id: UUID) -> HttpResponseBase:
        from analytics.admin.dashboard import tenant_data

        return tenant_data(request, object_id)

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from integrations.authentication.log_in_pages import LogInView

        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(reverse("admin:index"))
        return LogInView.as_view(extra_context=self._context(request, "Log in", extra_context))(request)

    def log_in_code(self, request: HttpRequest) -> HttpResponseBase:
        from integrations.authentication.log_in_pages import LogInCodeView

        return LogInCodeView.as_view(extra_context=self._context(request, "Log in"))(request)

    def two_step(self, request: HttpRequest) -> HttpResponseBase:
        from integrations.authentication.two_step_pages import TwoStepView

        return TwoStepView.as_view(extra_context=self._context(request, "Two-step log-in"))(request)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        from integrations.activity.actor import Actor
        from integrations.services.staff import note_password

        with transaction.atomic():
            response = super().password_change(request, extra_context)
            if request.method == "POST" and response.status_code == 302:
                note_password(actor=Actor.of(request.user, request), user=request.user)  # type: ignore[arg-type]
        return response

    def _context(self, request: HttpRequest, title: str, extra_context: dict[str, Any] | None = None) -> dict[str, Any]:
        request.current_app = self.name
        return {**self.each_context(request), "title": title, "subtitle": None, **(extra_context or {})}
