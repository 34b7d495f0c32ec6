from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
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
        Parameter("min_requests", "At least so many requests", 20, 1, 1_000_000),
    )
    for_tenants: ClassVar = False
    objects: ClassVar = "the API"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding] | None:
        minutes = parameters["window_minutes"]
        measured = api_latency().latency(since=now - timedelta(minutes=minutes))
        if measured is None:
            return None
        if measured.requests < parameters["min_requests"] or measured.p95_ms <= parameters["p95_ms"]:
            return []
        sentence = (
            f"95 % of {measured.requests} requests to the API in the last {minutes} minutes took up to "
            f"{measured.p95_ms:,.0f} ms, above {parameters['p95_ms']:,} ms."
        )
        return [Finding(key=PLATFORM, label="API", value=measured.p95_ms, sentence=sentence)]
