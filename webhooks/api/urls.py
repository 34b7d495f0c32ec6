"""This room's addresses below `/api/`."""

from __future__ import annotations

from django.urls import path

from webhooks.api.calls import BroadcastView, WebhookCallView
from webhooks.api.events import EventBatchView, EventsView
from webhooks.api.webhooks import (
    WebhookBreakerReset,
    WebhookDetail,
    WebhookList,
    WebhookSecret,
    WebhookSecretRotation,
    WebhookTest,
)

_WEBHOOKS = "platform/tenants/<str:tenant>/webhooks"
_EVENTS = "platform/tenants/<str:tenant>/events"

urlpatterns = [
    path(_WEBHOOKS, WebhookList.as_view()),
    path(f"{_WEBHOOKS}/broadcast", BroadcastView.as_view()),  # a reserved name: no webhook is called so
    path(f"{_WEBHOOKS}/<str:webhook>", WebhookDetail.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>/secret", WebhookSecret.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>/secret/rotate", WebhookSecretRotation.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>/breaker/reset", WebhookBreakerReset.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>/test", WebhookTest.as_view()),
    path(f"{_WEBHOOKS}/<str:webhook>/call", WebhookCallView.as_view()),
    path(_EVENTS, EventsView.as_view()),
    path(f"{_EVENTS}/batch", EventBatchView.as_view()),
]
