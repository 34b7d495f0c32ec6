"""Addresses of this room, relative to `/api/`; included before those of webhooks, under which they lie."""

from __future__ import annotations

from analytics.api.retention import RetentionView
from analytics.api.views import WebhookCallsView, WebhookSummaryView
from integrations.api.audience import platform_path, tenant_paths

urlpatterns = [
    platform_path("retention", RetentionView),
    *tenant_paths("webhooks/analytics/summary", WebhookSummaryView),
    *tenant_paths("webhooks/<str:webhook>/analytics", WebhookCallsView),
]
