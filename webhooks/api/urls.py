"""This room's addresses below `/api/`: each for platform admins and for the tenant itself."""

from __future__ import annotations

from django.urls import path

from integrations.api.audience import tenant_paths
from webhooks.api.calls import BroadcastView, WebhookCallView
from webhooks.api.deliveries import DeliveryCancel, DeliveryDetail, DeliveryList, DeliveryRetry
from webhooks.api.enabling import WebhookEnable
from webhooks.api.events import EventBatchView, EventsView
from webhooks.api.inbound import InboundView
from webhooks.api.receivers import ReceiverDetail, ReceiverList, ReceiverRotation
from webhooks.api.recoveries import RecoveryDetail, RecoveryList, RecoveryStop, WebhookRecover
from webhooks.api.redaction_rules import RedactionRuleDetail, RedactionRuleList
from webhooks.api.transfer import WebhookExport, WebhookImport
from webhooks.api.webhooks import (
    WebhookBreakerReset,
    WebhookDetail,
    WebhookList,
    WebhookSecret,
    WebhookSecretRotation,
    WebhookTest,
)

# Asked more often than all others together. An address is found by walking down the list, so `config.urls` has these
# first: behind the hundred others finding them was 4 % of what publishing an event costs.
publishing_urlpatterns = [*tenant_paths("events", EventsView), *tenant_paths("events/batch", EventBatchView)]
urlpatterns = [
    *tenant_paths("webhooks", WebhookList),
    *tenant_paths("webhooks/broadcast", BroadcastView),  # a reserved name: no webhook is called so
    *tenant_paths("webhooks/export", WebhookExport),
    *tenant_paths("webhooks/import", WebhookImport),
    *tenant_paths("webhooks/<str:webhook>", WebhookDetail),
    *tenant_paths("webhooks/<str:webhook>/secret", WebhookSecret),
    *tenant_paths("webhooks/<str:webhook>/secret/rotate", WebhookSecretRotation),
    *tenant_paths("webhooks/<str:webhook>/breaker/reset", WebhookBreakerReset),
    *tenant_paths("webhooks/<str:webhook>/test", WebhookTest),
    *tenant_paths("webhooks/<str:webhook>/call", WebhookCallView),
    *tenant_paths("webhooks/<str:webhook>/enable", WebhookEnable),
    *tenant_paths("webhooks/<str:webhook>/recover", WebhookRecover),
    *tenant_paths("deliveries", DeliveryList),
    *tenant_paths("deliveries/<str:delivery>", DeliveryDetail),
    *tenant_paths("deliveries/<str:delivery>/retry", DeliveryRetry),
    *tenant_paths("deliveries/<str:delivery>/cancel", DeliveryCancel),
    *tenant_paths("recoveries", RecoveryList),
    *tenant_paths("recoveries/<str:recovery>", RecoveryDetail),
    *tenant_paths("recoveries/<str:recovery>/stop", RecoveryStop),
    *tenant_paths("redaction-rules", RedactionRuleList),
    *tenant_paths("redaction-rules/<str:redaction_rule>", RedactionRuleDetail),
    *tenant_paths("receivers", ReceiverList),
    *tenant_paths("receivers/<str:receiver>", ReceiverDetail),
    *tenant_paths("receivers/<str:receiver>/secret/rotate", ReceiverRotation),
    path("webhooks/in/<str:receiver>", InboundView.as_view()),
]
