"""Recoveries: how far each is, and stopping it. They are begun on the page of their webhook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from integrations.activity.actor import Actor
from integrations.admin.badges import Tone, badge
from integrations.admin.permissions import PlatformModelAdmin, ReadOnlyAdminMixin
from webhooks.admin.glance import backlog_of, deliveries_address
from webhooks.models import Recovery, RecoveryState
from webhooks.services.recovering import progress, stop_recovery

_TONES: dict[str, Tone] = {
    RecoveryState.RUNNING: "warning",
    RecoveryState.DONE: "good",
    RecoveryState.STOPPED: "neutral",
}


@dataclass(frozen=True, slots=True)
class ShownRecovery:
    """A recovery as lists and its page show it."""

    recovery: Recovery
    state: SafeString
    percent: int

    @property
    def bar(self) -> SafeString:
        """How far it is; the text is for those who do not see it."""
        return format_html('<progress max="100" value="{0}">{0} %</progress>', self.percent)


def shown_recovery(recovery: Recovery) -> ShownRecovery:
    """Prepare a row; 100 % only for one that is done."""
    label = RecoveryState(recovery.state).label.lower()
    return ShownRecovery(recovery, badge(label, _TONES[recovery.state]), int(100 * progress(recovery)))


@admin.register(Recovery)
class RecoveryAdmin(ReadOnlyAdminMixin, PlatformModelAdmin):
    """Rows come and change by services alone."""

    list_display = ("created_at", "tenant", "webhook", "state_", "progress_", "retried", "skipped", "created_by_name")
    list_display_links = ("created_at",)
    list_filter = ("state",)
    list_select_related = ("tenant", "webhook")
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recovery]:
        return super().get_queryset(request).filter(tenant__deleted_at=None)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<uuid:object_id>/stop/", self.admin_site.admin_view(self.stop_view), name="webhooks_recovery_stop"),
            path(
                "<uuid:object_id>/progress/",
                self.admin_site.admin_view(self.progress_view),
                name="webhooks_recovery_progress",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show how far it is. A script draws that anew every two seconds; there is nothing to save."""
        self._only_look(request)
        recovery = self.get_object(request, object_id)
        if recovery is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "title": "Recovery",
            "opts": self.opts,
            "original": recovery,
            "shown": shown_recovery(recovery),
            "is_running": recovery.state == RecoveryState.RUNNING,
            "waiting": backlog_of(recovery.webhook).due,
            "failed_address": deliveries_address(recovery.webhook, state__exact="failed"),
            "may_stop": self.may_change(request) and recovery.state == RecoveryState.RUNNING,
        }
        return TemplateResponse(request, "admin/webhooks/webhook/recovery.html", context)

    @method_decorator(never_cache)
    def progress_view(self, request: HttpRequest, object_id: UUID) -> JsonResponse:
        """Answer what of the page changes while it runs, as it is shown."""
        self._only_look(request)
        recovery = get_object_or_404(self.get_queryset(request).select_related("webhook"), pk=object_id)
        return JsonResponse(
            {
                "is_running": recovery.state == RecoveryState.RUNNING,
                "percent": shown_recovery(recovery).percent,
                "retried": f"{recovery.retried:,}",
                "skipped": f"{recovery.skipped:,}",
                "waiting": str(backlog_of(recovery.webhook).due),
            }
        )

    @method_decorator(require_POST)
    def stop_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """End it where it is."""
        if not self.may_change(request):
            raise PermissionDenied
        recovery = get_object_or_404(self.get_queryset(request), pk=object_id)
        ended = stop_recovery(actor=Actor.of(request.user, request), tenant=recovery.tenant, recovery_id=recovery.pk)
        stopped = ended.state == RecoveryState.STOPPED
        self.message_user(request, "The recovery is stopped." if stopped else "It had ended already.")
        return redirect("admin:webhooks_recovery_change", object_id)

    def _only_look(self, request: HttpRequest) -> None:
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied

    @admin.display(description="State")
    def state_(self, recovery: Recovery) -> SafeString:
        return shown_recovery(recovery).state

    @admin.display(description="Progress")
    def progress_(self, recovery: Recovery) -> SafeString:
        return shown_recovery(recovery).bar
