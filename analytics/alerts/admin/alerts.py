"""Alerts, for reading: what is wrong, what was, and whether people were told."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from analytics.alerts.models import Alert, AlertNotice, NoticeState
from integrations.admin.badges import badge
from integrations.admin.permissions import ReadOnlyAdminMixin
from integrations.admin.uncounted import UncountedPaginator

_NOTICES = 50
_TONES: Any = {NoticeState.WAITING: "warning", NoticeState.SENT: "good", NoticeState.GIVEN_UP: "bad"}


class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("recovered", "Recovered")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset if self.value() is None else queryset.filter(recovered_at__isnull=self.value() == "open")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdminMixin, admin.ModelAdmin):
    list_display = ("opened_at", "state", "rule_name", "object_label", "tenant", "sentence", "lasted", "times_opened")
    list_display_links = ("opened_at", "object_label")
    list_filter = (StateFilter, "rule_kind", "of_platform")
    list_select_related = ("tenant",)
    search_fields = ("object_label", "tenant__name", "tenant__slug")
    search_help_text = "Search objects and tenants."
    list_per_page = 50
    paginator = UncountedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("state", "rule_name", "whose_rule", "object_label", "object_key", "tenant", "sentence")}),
        ("When", {"fields": ("opened_at", "last_seen_at", "recovered_at", "lasted", "times_opened")}),
        ("Who was told", {"fields": ("notices",)}),
    )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in {"tenant__id__exact", "rule_id"} or super().lookup_allowed(lookup, value, request)

    @admin.display(description="State")
    def state(self, alert: Alert) -> SafeString:
        return badge("open", "bad") if alert.recovered_at is None else badge("recovered", "good")

    @admin.display(description="Lasted")
    def lasted(self, alert: Alert) -> str:
        return timesince(alert.opened_at, alert.recovered_at or alert.last_seen_at, depth=1)

    @admin.display(description="Whose rule")
    def whose_rule(self, alert: Alert) -> str:
        return "The platform’s" if alert.of_platform else f"{alert.tenant}’s own"

    @admin.display(description="Notices")
    def notices(self, alert: Alert) -> SafeString | str:
        rows = AlertNotice.objects.filter(alert_id=alert.id).select_related("channel", "tenant").order_by("-id")
        shown = list(rows[:_NOTICES])
        if not shown:
            return "Nobody: there was no channel, or people had been told within the hour before."
        lines = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    f"{notice.created_at:%Y-%m-%d %H:%M:%S}",
                    notice.get_event_display(),
                    notice.channel,
                    notice.tenant or "The platform",
                    badge(notice.get_state_display().lower(), _TONES[notice.state]),
                )
                for notice in shown
            ),
        )
        return format_html(
            '<table><thead><tr><th scope="col">When</th><th scope="col">What</th>'
            '<th scope="col">Channel</th><th scope="col">Whose</th><th scope="col">State</th></tr></thead>'
            "<tbody>{}</tbody></table>",
            lines,
        )
