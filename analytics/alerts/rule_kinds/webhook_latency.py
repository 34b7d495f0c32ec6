from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from analytics.alerts.measures import webhooks_slower_than
from analytics.alerts.ports import webhook_watch
from analytics.alerts.rule_kinds.base import WINDOW, Finding, Parameter, RuleKind


class WebhookLatency(RuleKind):
    key: ClassVar = "webhook_latency"
    label: ClassVar = "Response time of a webhook"
    description: ClassVar = (
        "The 95th percentile of a webhook's response times in the window is above the bound, over at least so many "
        "attempts."
    )
    parameters: ClassVar = (
        Parameter("p95_ms", "95th percentile above", 1_000, 1, 60_000, "ms"),
        WINDOW,
        Parameter("min_attempts", "At least", 20, 1, 1_000_000, "attempts"),
    )
    objects: ClassVar = "webhook"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        minutes = parameters["window_minutes"]
        found = webhooks_slower_than(
            p95_ms=parameters["p95_ms"],
            since=now - timedelta(minutes=minutes),
            min_attempts=parameters["min_attempts"],
            tenant_id=tenant_id,
        )
        names = webhook_watch().names(tenant_id, [measured.webhook_id for measured in found])
        return [
            Finding(
                key=str(measured.webhook_id),
                label=names[measured.webhook_id],
                tenant_id=measured.tenant_id,
                value=measured.p95_ms,
                sentence=(
                    f"95 % of {measured.attempts} attempts in the last {minutes} minutes took up to "
                    f"{measured.p95_ms:,} ms, above {parameters['p95_ms']:,} ms."
                ),
            )
            for measured in found
            if measured.webhook_id in names
        ]
