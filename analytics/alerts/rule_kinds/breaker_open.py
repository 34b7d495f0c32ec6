from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from analytics.alerts.ports import webhook_watch
from analytics.alerts.rule_kinds.base import Finding, Parameter, RuleKind


class BreakerOpen(RuleKind):
    key: ClassVar = "breaker_open"
    label: ClassVar = "Circuit breaker open"
    description: ClassVar = "A webhook's circuit breaker has not closed for longer than the bound."
    parameters: ClassVar = (Parameter("minutes", "Longer than", 15, 0, 10_080, "minutes"),)
    objects: ClassVar = "webhook"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        bound = timedelta(minutes=parameters["minutes"])
        return [
            Finding(
                key=str(webhook.id),
                label=webhook.name,
                tenant_id=webhook.tenant_id,
                value=(now - webhook.since) // timedelta(minutes=1),
                sentence=(
                    f"The endpoint has been down, and the circuit breaker open, for more than {parameters['minutes']} "
                    f"minutes, since {webhook.since:%Y-%m-%d %H:%M} UTC."
                ),
            )
            for webhook in webhook_watch().open_breakers(tenant_id)
            if webhook.since is not None and now - webhook.since > bound
        ]
