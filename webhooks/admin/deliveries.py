"""Deliveries: what is on its way, and of each the whole story, to be read from top to bottom at 3 a.m."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from integrations.activity.actor import Actor
from integrations.admin.badges import Tone, badge
from integrations.admin.permissions import PlatformModelAdmin
from integrations.admin.recent_rows import RecentRowsMixin, WhenFilter
from integrations.admin.uncounted import UncountedPaginator
from integrations.counting import counted
from integrations.errors import ServiceError
from integrations.models import Tenant
from webhooks.admin.timing_bar import timing_bar, timing_label
from webhooks.delivery_queries import delivery_detail
from webhooks.models import Delivery, DeliveryState, TargetKind, Webhook
from webhooks.services.cancelling import cancel_delivery
from webhooks.services.retrying import FINISHED, retry_deliveries, retry_delivery

_TONES: dict[str, Tone] = {
    DeliveryState.SUCCEEDED: "good",
    DeliveryState.FAILED: "bad",
    DeliveryState.RETRYING: "warning",
    DeliveryState.HELD: "warning",
    DeliveryState.UNKNOWN: "warning",
}


def state_badge(state: str) -> SafeString:
    """Return the label of a delivery's state."""
    return badge(DeliveryState(state).label.lower(), _TONES.get(state, "neutral"))


@admin.register(Delivery)
class DeliveryAdmin(RecentRowsMixin, PlatformModelAdmin):
    """Rows come and change by sending alone: nothing is added, edited or deleted here."""

    list_display = ("created_at", "tenant_name", "workflow_name", "state_", "attempts", "last_status_code", "error")
    list_display_links = ("created_at",)
    list_filter = (WhenFilter, "state")
    indexed_lookups = frozenset({"target_id", "tenant_id", "event_id"})
    list_per_page = 50
    paginator = UncountedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)
    actions = ("retry",)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        tenants = Tenant.objects.filter(id=OuterRef("tenant_id")).values("name")
        webhooks = Webhook.objects.filter(id=OuterRef("target_id")).values("workflow_name")
        deliveries = super().get_queryset(request).filter(target_kind=TargetKind.WEBHOOK)
        return deliveries.annotate(tenant_name_=Subquery(tenants), workflow_name_=Subquery(webhooks))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in self.indexed_lookups or super().lookup_allowed(lookup, value, request)

    def get_urls(self) -> list[URLPattern]:
        return [
            path("<uuid:object_id>/retry/", self.changing_page(self.retry_view), name="webhooks_delivery_retry"),
            path("<uuid:object_id>/cancel/", self.changing_page(self.cancel_view), name="webhooks_delivery_cancel"),
            *super().get_urls(),
        ]

    # --- The story of one ---------------------------------------------------------------------------------------

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a delivery as a timeline of its attempts. There is nothing to save."""
        delivery = self.get_object(request, object_id)
        if delivery is None:
            raise Http404
        detail = delivery_detail(delivery.tenant_id, delivery.pk)
        longest = max((call.response_time_ms for call in detail.attempts), default=0)
        may_change = self.has_change_permission(request)
        context = {
            **self.admin_site.each_context(request),
            "title": "Delivery",
            "opts": self.opts,
            "original": delivery,
            "tenant": Tenant.objects.filter(id=delivery.tenant_id).first(),
            "webhook": Webhook.objects.filter(id=delivery.target_id).first(),
            "detail": detail,
            "state": state_badge(delivery.state),
            "payload": _readable(detail.payload) if detail.payload is not None else None,
            "attempts": [
                {
                    "call": call,
                    "bar": timing_bar(call, longest_ms=longest),
                    "parts": timing_label(call),
                    "headers": "\n".join(f"{name}: {value}" for name, value in _sorted(call.request_headers)),
                    "body": _readable(call.response_body),
                }
                for call in detail.attempts
            ],
            "may_retry": may_change
            and not detail.is_redacted
            and (delivery.state in FINISHED or _is_waiting(delivery)),
            "may_cancel": may_change and (_is_waiting(delivery) or delivery.state == DeliveryState.HELD),
            "has_ended": delivery.state in FINISHED,
        }
        return TemplateResponse(request, "admin/webhooks/delivery/timeline.html", context)

    @method_decorator(require_POST)
    def retry_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Send it again, or at once."""
        tenant = _tenant_of(object_id)
        try:
            retry_delivery(actor=Actor.of(request.user, request), tenant=tenant, delivery_id=object_id)
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
        else:
            self.message_user(request, "It is on its way. Load the page again to see what comes of it.")
        return redirect("admin:webhooks_delivery_change", object_id)

    @method_decorator(require_POST)
    def cancel_view(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Let it end as cancelled."""
        tenant = _tenant_of(object_id)
        try:
            cancel_delivery(actor=Actor.of(request.user, request), tenant=tenant, delivery_id=object_id)
        except ServiceError as error:
            self.message_user(request, error.detail, messages.ERROR)
        else:
            self.message_user(request, "The delivery is cancelled.")
        return redirect("admin:webhooks_delivery_change", object_id)

    @admin.action(description="Send selected deliveries again", permissions=["change"])
    def retry(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        """Begin a new run of those that have ended; say of how many others why not."""
        by_tenant: dict[UUID, list[UUID]] = {}
        for tenant_id, delivery_id in queryset.order_by("tenant_id", "id").values_list("tenant_id", "id"):
            by_tenant.setdefault(tenant_id, []).append(delivery_id)
        retried, refused = 0, []
        for tenant in Tenant.objects.existing().filter(id__in=by_tenant).order_by("id"):
            ids = by_tenant[tenant.pk]
            try:
                answer = retry_deliveries(actor=Actor.of(request.user, request), tenant=tenant, delivery_ids=ids)
            except ServiceError as error:
                refused += [error.detail] * len(ids)
                continue
            retried += len(answer.retried)
            refused += answer.refused.values()
        self.message_user(request, f"{counted(retried, 'delivery is', 'deliveries are')} under way again.")
        for reason in sorted(set(refused)):
            self.message_user(request, f"{refused.count(reason)} are not: {reason}", messages.WARNING)

    # --- Columns ------------------------------------------------------------------------------------------------

    @admin.display(description="Tenant", empty_value="–")
    def tenant_name(self, delivery: Any) -> str | None:
        return delivery.tenant_name_

    @admin.display(description="Webhook", empty_value="deleted")
    def workflow_name(self, delivery: Any) -> str | None:
        if delivery.workflow_name_ is None:
            return None
        address = reverse("admin:webhooks_webhook_change", args=[delivery.target_id])
        return format_html('<a href="{}">{}</a>', address, delivery.workflow_name_)

    @admin.display(description="State")
    def state_(self, delivery: Delivery) -> SafeString:
        return state_badge(delivery.state)

    @admin.display(description="Last error", empty_value="–")
    def error(self, delivery: Delivery) -> str | None:
        return delivery.last_error[:120] or None


def _is_waiting(delivery: Delivery) -> bool:
    return delivery.state in {DeliveryState.PENDING, DeliveryState.RETRYING}


def _tenant_of(delivery_id: UUID) -> Tenant:
    delivery = get_object_or_404(Delivery, pk=delivery_id)
    return get_object_or_404(Tenant.objects.existing(), pk=delivery.tenant_id)


def _sorted(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """Order them by name: the database keeps no order."""
    return sorted(headers.items(), key=lambda header: header[0].lower())


def _readable(body: str) -> str:
    """Return JSON indented, everything else as it is."""
    try:
        return json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
