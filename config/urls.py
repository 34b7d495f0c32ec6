"""Every address of the site but the probes' (`config.health`). The admin's end in a slash, the API's do not."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularSwaggerSplitView

from integrations.api.audience import Audience
from integrations.api.documents import DocumentView, JSONDocumentView
from integrations.pages.invitation import InvitationPage
from integrations.pages.oauth_callback import OAuthCallback
from webhooks.api.urls import publishing_urlpatterns

urlpatterns = [
    path("api/", include(publishing_urlpatterns)),
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("invitations/<str:token>", InvitationPage.as_view(), name="invitation"),
    path("oauth/<str:provider>/callback", OAuthCallback.as_view(), name="oauth-callback"),
    path("api/", include("integrations.api.urls")),
    path("api/", include("integrations.messaging.api.urls")),
    # Before the webhooks' addresses: `webhooks/analytics/summary` would read as a webhook's id.
    path("api/", include("analytics.api.urls")),
    path("api/", include("analytics.alerts.api.urls")),
    path("api/", include("webhooks.api.urls")),
    # For each audience a document, and a page to try it.
    path("api/schema", DocumentView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("api/v1/openapi.json", JSONDocumentView.as_view(audience=Audience.TENANT), name="tenant-schema"),
    path(
        "api/v1/docs",
        SpectacularSwaggerSplitView.as_view(url_name="tenant-schema", title="Signalbox for tenants"),
        name="tenant-docs",
    ),
]

handler400 = "config.error_pages.bad_request"
handler403 = "config.error_pages.permission_denied"
handler404 = "config.error_pages.not_found"
handler500 = "config.error_pages.server_error"
