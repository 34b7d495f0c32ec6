"""This room's addresses below `/api/`."""

from __future__ import annotations

from django.urls import path

from integrations.api.integrations import IntegrationMapView, IntegrationSlotView
from integrations.api.tenants import TenantDetail, TenantList
from integrations.authentication.views import TokenRefreshView, TokenView

urlpatterns = [
    path("auth/token", TokenView.as_view()),
    path("auth/token/refresh", TokenRefreshView.as_view()),
    path("platform/tenants", TenantList.as_view()),
    path("platform/tenants/<str:tenant>", TenantDetail.as_view()),
    path("platform/tenants/<str:tenant>/integrations", IntegrationMapView.as_view()),
    path("platform/tenants/<str:tenant>/integrations/<str:slot>", IntegrationSlotView.as_view()),
]
