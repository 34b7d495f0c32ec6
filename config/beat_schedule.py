"""What beat asks the workers for, and how often, in seconds. Each task is safe to repeat and to run beside itself.

`expires` drops what no worker took in time: the next one does the same.
"""

from __future__ import annotations

from typing import Any, Final

from celery.schedules import crontab

BEAT_SCHEDULE: Final[dict[str, dict[str, Any]]] = {
    # --- Alerts
    "evaluate-alerts": {"task": "alerts.evaluate", "schedule": 30.0, "options": {"expires": 30}},
    "send-alerts": {"task": "alerts.send", "schedule": 5.0, "options": {"expires": 10}},
    "forget-alerts": {"task": "alerts.forget", "schedule": 3600.0},
    # --- Analytics
    "drop-removed-partitions": {
        "task": "analytics.drop_removed_partitions",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "forget-minutes": {"task": "analytics.forget_minutes", "schedule": 600.0, "options": {"expires": 600}},
    "purge-analytics": {
        "task": "analytics.purge",
        "schedule": crontab(hour="3", minute="17"),
        "options": {"expires": 3600},
    },
    "make-partitions": {"task": "analytics.make_partitions", "schedule": 3600.0},
    # --- Integrations
    "sweep-deleted-tenants": {"task": "integrations.sweep_deleted_tenants", "schedule": 60.0},
    "send-invitation-mails": {
        "task": "integrations.send_invitation_mails",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "renew-tokens": {"task": "integrations.renew_tokens", "schedule": 30.0, "options": {"expires": 30}},
    "sweep-connections": {"task": "integrations.sweep_connections", "schedule": 60.0, "options": {"expires": 60}},
    "purge-api-key-usage": {"task": "integrations.purge_api_key_usage", "schedule": 3600.0},
    "forget-idempotency-answers": {"task": "integrations.forget_idempotency_answers", "schedule": 600.0},
    # --- Messages
    "announce-messages": {"task": "messaging.announce", "schedule": 5.0, "options": {"expires": 10}},
    "forget-messages": {"task": "messaging.forget", "schedule": crontab(hour="3", minute="43")},
    # --- Webhooks
    "advance-recoveries": {"task": "webhooks.advance_recoveries", "schedule": 1.0, "options": {"expires": 5}},
    "drain-deliveries": {"task": "webhooks.drain", "schedule": 1.0, "options": {"expires": 5}},
    "move-backlogs": {"task": "webhooks.move_backlogs", "schedule": 1.0, "options": {"expires": 5}},
    "publish-received": {"task": "webhooks.publish_received", "schedule": 10.0, "options": {"expires": 20}},
    "forget-received": {"task": "webhooks.forget_received", "schedule": 3600.0},
    "forget-idempotency-keys": {"task": "webhooks.forget_idempotency_keys", "schedule": 600.0},
    "expire-held-deliveries": {"task": "webhooks.expire_held", "schedule": 3600.0},
    "redact-payloads": {"task": "webhooks.redact_payloads", "schedule": 30.0, "options": {"expires": 30}},
    "forget-previous-secrets": {"task": "webhooks.forget_previous_secrets", "schedule": 3600.0},
}
