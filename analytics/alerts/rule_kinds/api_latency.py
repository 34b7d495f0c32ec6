from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from analytics.alerts.ports import api_latency
from analytics.alerts.rule_kinds.base import PLATFORM, Finding, Parameter, RuleKind


class APILatency(RuleKind):
    key: ClassVar = "api_latency"
    label: ClassVar = "Response time of the API"
    description: ClassVar = "The 95th percentile of the API's own response times in the window is above the bound."
    parameters: ClassVar = (
        Parameter("p95_ms", "95th percentile above", 1_000, 1, 60_000, "ms"),
        Parameter("window_minutes", "Window", 5, 1, 60, "minutes"),
        Parameter("min_requests", "At least", 20, 1, 1_000_000, "requests"),
    )
    for_tenants: ClassVar = False
    objects: ClassVar = "the API"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding] | None:
        minutes = parameters["window_minutes"]
        measured = api_latency()(minutes)
        if measured is None:
            return None
        milliseconds = (measured.p95_seconds or 0) * 1_000
        if measured.requests < parameters["min_requests"] or milliseconds <= parameters["p95_ms"]:
            return []
        sentence = (
            f"95 % of {measured.requests} requests to the API in the last {minutes} minutes took up to "
            f"{milliseconds:,.0f} ms, above {parameters['p95_ms']:,} ms."
        )
        return [Finding(key=PLATFORM, label="API", value=round(milliseconds), sentence=sentence)]
