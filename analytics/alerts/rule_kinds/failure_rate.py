from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from analytics.alerts.measures import webhooks_failing_above
from analytics.alerts.ports import webhook_watch
from analytics.alerts.rule_kinds.base import MIN_CALLS, WINDOW, Finding, Parameter, RuleKind


class FailureRate(RuleKind):
    key: ClassVar = "failure_rate"
    label: ClassVar = "Failure rate of a webhook"
    description: ClassVar = (
        "Of a webhook's calls in the window, more than so many percent failed, and there were at least so many calls."
    )
    parameters: ClassVar = (Parameter("percent", "Above", 20, 0, 99, "%"), WINDOW, MIN_CALLS)
    objects: ClassVar = "webhook"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        minutes = parameters["window_minutes"]
        found = webhooks_failing_above(
            percent=parameters["percent"],
            since=now - timedelta(minutes=minutes),
            min_calls=parameters["min_calls"],
            tenant_id=tenant_id,
        )
        names = webhook_watch().names(tenant_id, [measured.webhook_id for measured in found])
        return [
            Finding(
                key=str(measured.webhook_id),
                label=names[measured.webhook_id],
                tenant_id=measured.tenant_id,
                value=round(100 * measured.failed / measured.calls, 1),
                sentence=(
                    f"{measured.failed} of {measured.calls} calls failed in the last {minutes} minutes: "
                    f"{100 * measured.failed / measured.calls:.1f} %, above {parameters['percent']} %."
                ),
            )
            for measured in found
            if measured.webhook_id in names
        ]
