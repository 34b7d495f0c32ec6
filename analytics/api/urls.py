"""Addresses of this room, relative to `/api/`; included before those of webhooks, under which they lie."""

from __future__ import annotations

from django.urls import path

from analytics.api.views import WebhookCallsView, WebhookSummaryView

urlpatterns = [
    path("platform/tenants/<str:tenant>/webhooks/analytics/summary", WebhookSummaryView.as_view()),
    path("platform/tenants/<str:tenant>/webhooks/<str:webhook>/analytics", WebhookCallsView.as_view()),
]
