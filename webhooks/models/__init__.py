from webhooks.models.delivery import Delivery, DeliveryState, Due, Engine, IdempotencyKey, TargetKind
from webhooks.models.event import Event, Payload
from webhooks.models.webhook import (
    DisabledReason,
    PayloadFormat,
    RetrySchedule,
    SignatureScheme,
    TenantRuntime,
    Webhook,
    WebhookRuntime,
    WebhookStats,
)

__all__ = [
    "Delivery",
    "DeliveryState",
    "DisabledReason",
    "Due",
    "Engine",
    "Event",
    "IdempotencyKey",
    "Payload",
    "PayloadFormat",
    "RetrySchedule",
    "SignatureScheme",
    "TargetKind",
    "TenantRuntime",
    "Webhook",
    "WebhookRuntime",
    "WebhookStats",
]
