"""Addresses of this room, relative to `/api/`; included before those of webhooks, under which they lie."""

from __future__ import annotations

from analytics.api.calls import TenantCallsExport, TenantCallsView, WebhookCallsExport, WebhookCallsView
from analytics.api.figures import (
    ErrorGroupsView,
    PeaksView,
    SummariesByWebhookView,
    TimeSeriesView,
    WebhookSummaryView,
)
from integrations.api.audience import tenant_paths

urlpatterns = [
    *tenant_paths("webhooks/analytics/summary", WebhookSummaryView),
    *tenant_paths("webhooks/analytics/webhooks", SummariesByWebhookView),
    *tenant_paths("webhooks/analytics/timeseries", TimeSeriesView),
    *tenant_paths("webhooks/analytics/peaks", PeaksView),
    *tenant_paths("webhooks/analytics/errors", ErrorGroupsView),
    *tenant_paths("webhooks/analytics/calls", TenantCallsView),
    *tenant_paths("webhooks/analytics/calls/export", TenantCallsExport),
    *tenant_paths("webhooks/<str:webhook>/analytics", WebhookCallsView),
    *tenant_paths("webhooks/<str:webhook>/analytics/export", WebhookCallsExport),
]
