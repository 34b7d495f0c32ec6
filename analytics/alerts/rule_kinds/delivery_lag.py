from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from analytics.alerts.ports import webhook_watch
from analytics.alerts.rule_kinds.base import PLATFORM, Finding, Parameter, RuleKind


class DeliveryLag(RuleKind):
    key: ClassVar = "delivery_lag"
    label: ClassVar = "Delivery lag"
    description: ClassVar = (
        "A delivery that is due has waited for an engine for longer than the bound; what waits for its own webhook "
        "(breaker, rate limit, places) does not count."
    )
    parameters: ClassVar = (Parameter("seconds", "Longer than", 60, 1, 86_400, "seconds"),)
    objects: ClassVar = "all deliveries"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        lag = webhook_watch().delivery_lag(tenant_id)
        if lag <= timedelta(seconds=parameters["seconds"]):
            return []
        seconds = int(lag.total_seconds())
        return [
            Finding(
                key=PLATFORM if tenant_id is None else str(tenant_id),
                label="Deliveries",
                tenant_id=tenant_id,
                value=seconds,
                sentence=(
                    f"The longest overdue delivery has waited for {seconds:,} seconds, above "
                    f"{parameters['seconds']:,}: do the workers run?"
                ),
            )
        ]
