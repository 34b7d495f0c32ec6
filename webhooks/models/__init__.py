from webhooks.models.backlog import BEFORE_ALL, BEHIND_ALL, BacklogKind, BacklogMove
from webhooks.models.delivery import Delivery, DeliveryState, Due, Engine, IdempotencyKey, TargetKind
from webhooks.models.event import REDACTED, Event, Payload, RedactionState
from webhooks.models.receiver import (
    InboundKey,
    InboundOutcome,
    InboundRequest,
    InboundState,
    Receiver,
    ReceiverCount,
)
from webhooks.models.recovery import Recovery, RecoveryState
from webhooks.models.redaction import NOTHING_MARKED, RedactionRule
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
    "BEFORE_ALL",
    "BEHIND_ALL",
    "NOTHING_MARKED",
    "REDACTED",
    "BacklogKind",
    "BacklogMove",
    "Delivery",
    "DeliveryState",
    "DisabledReason",
    "Due",
    "Engine",
    "Event",
    "IdempotencyKey",
    "InboundKey",
    "InboundOutcome",
    "InboundRequest",
    "InboundState",
    "Payload",
    "PayloadFormat",
    "Receiver",
    "ReceiverCount",
    "Recovery",
    "RecoveryState",
    "RedactionRule",
    "RedactionState",
    "RetrySchedule",
    "SignatureScheme",
    "TargetKind",
    "TenantRuntime",
    "Webhook",
    "WebhookRuntime",
    "WebhookStats",
]
