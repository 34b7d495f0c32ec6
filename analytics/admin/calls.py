"""The calls, for reading: what was sent, what came back, how long each part took."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator

from analytics.models import WebhookCall
from analytics.ports import webhook_directory
from integrations.admin.badges import badge
from integrations.admin.permissions import ReadOnlyAdminMixin
from integrations.admin.recent_rows import RecentRowsMixin, WhenFilter
from integrations.admin.uncounted import UncountedPaginator
from integrations.models import Tenant


@admin.register(WebhookCall)
class WebhookCallAdmin(RecentRowsMixin, ReadOnlyAdminMixin, admin.ModelAdmin):
    list_display = (
        "timestamp",
        "tenant_name",
        "workflow_name",
        "attempt",
        "state",
        "status_code",
        "duration",
        "triggered_by",
        "error",
    )
    list_filter = (WhenFilter, "success", "error_kind", "is_final")
    indexed_lookups = frozenset({"target_id", "delivery_id", "tenant_id"})
    list_per_page = 50
    paginator = UncountedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("timestamp", "tenant_name", "workflow_name", "triggered_by", "event_type", "state")}),
        ("Request", {"fields": ("headers", "payload")}),
        ("Response", {"fields": ("status_code", "error_kind", "error_message", "response")}),
        ("Time", {"fields": ("duration", ("dns_ms", "connect_ms", "tls_ms", "first_byte_ms"))}),
        ("Delivery", {"fields": ("delivery_id", "event_id", "run", "attempt", "is_final", "metadata")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[WebhookCall]:
        names = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")
        return super().get_queryset(request).annotate(tenant_name_=Subquery(names))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in self.indexed_lookups or super().lookup_allowed(lookup, value, request)

    @admin.display(description="Tenant", empty_value="–")
    def tenant_name(self, call: Any) -> str | None:
        return call.tenant_name_

    @admin.display(description="State")
    def state(self, call: WebhookCall) -> str:
        if call.success:
            return badge("succeeded", "good")
        return badge("failed", "bad") if call.is_final else badge("will be retried", "warning")

    @admin.display(description="Response time")
    def duration(self, call: WebhookCall) -> str:
        return f"{call.response_time_ms} ms"

    @admin.display(description="Error", empty_value="–")
    def error(self, call: WebhookCall) -> str | None:
        return Truncator(call.error_message).chars(60) or None

    @admin.display(description="Headers")
    def headers(self, call: WebhookCall) -> str:
        lines = "\n".join(f"{name}: {value}" for name, value in call.request_headers.items())
        return format_html('<pre class="body">{}</pre>', lines)

    @admin.display(description="Payload")
    def payload(self, call: WebhookCall) -> str:
        body = webhook_directory().payloads(call.tenant_id, [call.event_id]).get(call.event_id)
        return format_html('<pre class="body">{}</pre>', "No longer stored." if body is None else _readable(body))

    @admin.display(description="Body")
    def response(self, call: WebhookCall) -> str:
        return format_html('<pre class="body">{}</pre>', _readable(call.response_body) or "–")


def _readable(body: str) -> str:
    """Return JSON indented, everything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
