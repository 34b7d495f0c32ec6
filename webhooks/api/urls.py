"""This room's addresses below `/api/`."""

from __future__ import annotations

from django.urls import path

from webhooks.api.webhooks import WebhookDetail, WebhookList, WebhookSecret, WebhookTest

_WEBHOOKS = "platform/tenants/<str:tenant>/webhooks"

urlpatterns = [
    path(_WEBHOOKS, WebhookList.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>", WebhookDetail.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>/secret", WebhookSecret.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>/test", WebhookTest.as_view()),
]
