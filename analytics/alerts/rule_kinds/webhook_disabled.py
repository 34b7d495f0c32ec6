from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from analytics.alerts.ports import webhook_watch
from analytics.alerts.rule_kinds.base import Finding, RuleKind


class WebhookDisabled(RuleKind):
    key: ClassVar = "webhook_disabled"
    label: ClassVar = "Webhook disabled by Signalbox"
    description: ClassVar = (
        "A webhook was disabled because its endpoint is gone or did nothing but fail for days; open until a person "
        "enables it or deletes it."
    )
    objects: ClassVar = "webhook"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        return [
            Finding(
                key=str(webhook.id),
                label=webhook.name,
                tenant_id=webhook.tenant_id,
                sentence=f"The webhook was disabled: {webhook.reason}. Its deliveries are held.",
            )
            for webhook in webhook_watch().auto_disabled(tenant_id)
        ]
