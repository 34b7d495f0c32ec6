"""Every address of the site but the probes' (`config.health`). The admin's end in a slash, the API's do not."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("integrations.api.urls")),
    # Before the webhooks' addresses: `webhooks/analytics/summary` would read as a webhook's id.
    path("api/", include("analytics.api.urls")),
    path("api/", include("webhooks.api.urls")),
    # Open: the document describes the API and holds nothing of an installation.
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
]

handler400 = "config.error_pages.bad_request"
handler403 = "config.error_pages.permission_denied"
handler404 = "config.error_pages.not_found"
handler500 = "config.error_pages.server_error"
