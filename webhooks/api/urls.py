"""This room's addresses below `/api/`: each for platform admins and for the tenant itself."""

from __future__ import annotations

from integrations.api.audience import tenant_paths
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

urlpatterns = [
    *tenant_paths("webhooks", WebhookList),
    *tenant_paths("webhooks/broadcast", BroadcastView),  # a reserved name: no webhook is called so
    *tenant_paths("webhooks/<str:webhook>", WebhookDetail),
    *tenant_paths("webhooks/<str:webhook>/secret", WebhookSecret),
    *tenant_paths("webhooks/<str:webhook>/secret/rotate", WebhookSecretRotation),
    *tenant_paths("webhooks/<str:webhook>/breaker/reset", WebhookBreakerReset),
    *tenant_paths("webhooks/<str:webhook>/test", WebhookTest),
    *tenant_paths("webhooks/<str:webhook>/call", WebhookCallView),
    *tenant_paths("events", EventsView),
    *tenant_paths("events/batch", EventBatchView),
]
