"""The dashboards: the admin's index, which is the platform's, and one page for each tenant.

A page is made of parts. Each is rendered by its template, for the page and for the address that refreshes it alike, so
that the page works without scripts and a script never writes what the server would write differently. Everybody with a
platform role may read them; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from analytics.admin import dashboard_parts as parts
from analytics.dashboard import chart_data
from analytics.dashboard.readings import PlatformReadings, Readings, listed_webhooks, platform_readings, tenant_readings
from analytics.dashboard.selection import selected
from integrations.models import Tenant
from integrations.platform_roles import may_change

REFRESH_SECONDS: Final = 30
_TEMPLATES: Final = "admin/analytics/dashboard"
_PARTS: Final = (
    *("filters", "cards", "traffic_table", "latency_table", "outcomes_table", "heat_map"),
    *("webhooks", "calls"),
)
_PLATFORM_PARTS: Final = (*_PARTS, "open_alerts", "tenants", "integrations")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the page, and by what to tell whether it has changed."""

    name: str
    html: SafeString

    @property
    def version(self) -> str:
        return blake2b(self.html.encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One state of a dashboard: its parts, and what its charts draw."""

    readings: Readings
    context: Mapping[str, Any]
    parts: Mapping[str, Part]
    charts: Mapping[str, Any]

    def page_context(self, *, data_address: str) -> dict[str, Any]:
        return {
            **self.context,
            "parts": self.parts,
            "charts": self.charts,
            "data_address": data_address,
            "refresh_seconds": REFRESH_SECONDS,
            "updated": f"{self.readings.selection.now:%H:%M:%S}",
            "updated_at": self.readings.selection.now.isoformat(),
        }

    def as_json(self) -> JsonResponse:
        found, shown = self.readings.series.total, self.readings.selection.range
        return JsonResponse(
            {
                "parts": {name: {"version": each.version, "html": each.html} for name, each in self.parts.items()},
                "charts": self.charts,
                "updated": f"{self.readings.selection.now:%H:%M:%S}",
                "updated_at": self.readings.selection.now.isoformat(),
                "announcement": f"In {shown.words}: {found.calls:,} calls, {found.failed:,} failed.",
            },
            headers={"Cache-Control": "no-store"},
        )


def tenant_dashboard(request: HttpRequest, tenant: Tenant) -> Dashboard:
    """Read and render a tenant's dashboard as the request's filters want it."""
    listed = listed_webhooks(tenant.pk)
    selection = selected(request.GET, webhooks=[each.id for each in listed])
    readings = tenant_readings(tenant.pk, selection, listed)
    changelist = reverse("admin:webhooks_webhook_changelist")
    failures = {"target_id": selection.webhook_id} if selection.webhook_id else {"tenant_id": tenant.pk}
    more = {
        "choices": [(each.id, each.name, each.id == selection.webhook_id) for each in listed],
        "webhooks_address": f"{changelist}?tenant__id__exact={tenant.pk}",
        "add_webhook_address": f"{reverse('admin:webhooks_webhook_add')}?tenant={tenant.pk}",
    }
    return _dashboard(request, readings, more, failures_address=parts.failures_address(selection, **failures))


def platform_dashboard(request: HttpRequest) -> Dashboard:
    """Read and render the dashboard over all tenants."""
    listed = listed_webhooks(None)
    selection = selected(request.GET, webhooks=[each.id for each in listed])
    readings = platform_readings(selection, listed)
    named = ((each, f"{each.name} · {readings.names.get(each.tenant_id, '')}") for each in listed)
    more = {
        "choices": [(each.id, name, each.id == selection.webhook_id) for each, name in named],
        "is_platform": True,
        "tenants": parts.tenant_rows(readings.tenants, selection),
        "has_more_tenants": readings.has_more_tenants,
        "tenants_address": reverse("admin:integrations_tenant_changelist"),
        "add_tenant_address": reverse("admin:integrations_tenant_add"),
        "webhooks_address": reverse("admin:webhooks_webhook_changelist"),
        "integrations": parts.integration_counts(readings.integrations),
    }
    return _dashboard(
        request, readings, more, failures_address=parts.failures_address(selection, target_id=selection.webhook_id)
    )


def _dashboard(
    request: HttpRequest, readings: Readings, more: Mapping[str, Any], *, failures_address: str
) -> Dashboard:
    selection, changes = readings.selection, may_change(request.user)
    names = readings.names if isinstance(readings, PlatformReadings) else None
    named = parts.named_outcomes(readings)
    context = {
        "selection": selection,
        "notes": selection.notes,
        "ranges": parts.ranges(selection),
        "cards": parts.cards(readings, failures_address=failures_address),
        "points": parts.points(readings.series),
        "outcomes": parts.outcomes_table(named, of="Webhook" if names is None else "Tenant"),
        "outcomes_title": "Outcomes by webhook" if names is None else "Outcomes by tenant",
        "heat_map": parts.heat_map(readings.peaks, selection.heat_range),
        "webhooks": parts.webhook_rows(readings.webhooks, selection, names),
        "has_more_webhooks": readings.has_more_webhooks,
        "calls": parts.call_rows(readings.calls, selection, names, may_change=changes),
        "may_change": changes,
        **more,
    }
    charts = {
        "traffic": chart_data.traffic(readings.series, selection.range),
        "latency": chart_data.latency(readings.series, selection.range),
        "outcomes": chart_data.outcomes(named),
    }
    rendered = {
        name: Part(name, mark_safe(render_to_string(f"{_TEMPLATES}/{name}.html", context)))  # noqa: S308  (a template's)
        for name in (_PARTS if names is None else _PLATFORM_PARTS)
    }
    return Dashboard(readings, context, rendered, charts)


# --- Pages ------------------------------------------------------------------------------------------------------
# The admin site has their addresses and lets in who has a platform role (`config.admin_site`).


def index_context(request: HttpRequest) -> dict[str, Any]:
    """Return what the admin's index needs for the platform's dashboard."""
    return platform_dashboard(request).page_context(data_address=reverse("admin:dashboard_data"))


@require_safe
def platform_data(request: HttpRequest) -> HttpResponse:
    """Answer the platform's dashboard anew, for the script that refreshes the index."""
    return platform_dashboard(request).as_json()


@never_cache
@require_safe
def tenant_page(request: HttpRequest, object_id: UUID, *, shared: Mapping[str, Any]) -> HttpResponse:
    """Show a tenant's dashboard; `shared` is the admin site's own context."""
    tenant = _tenant(object_id)
    context = tenant_dashboard(request, tenant).page_context(
        data_address=reverse("admin:tenant_dashboard_data", args=[tenant.pk])
    )
    page = {**shared, "title": tenant.name, "subtitle": "Dashboard", "tenant": tenant, **context}
    return TemplateResponse(request, f"{_TEMPLATES}/tenant.html", page)


@require_safe
def tenant_data(request: HttpRequest, object_id: UUID) -> HttpResponse:
    """Answer a tenant's dashboard anew."""
    return tenant_dashboard(request, _tenant(object_id)).as_json()


def _tenant(object_id: UUID) -> Tenant:
    return get_object_or_404(Tenant.objects.existing(), pk=object_id)
