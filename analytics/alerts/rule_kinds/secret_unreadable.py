from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from analytics.alerts.ports import credential_watch
from analytics.alerts.rule_kinds.base import Finding, RuleKind


class SecretUnreadable(RuleKind):
    key: ClassVar = "secret_unreadable"
    label: ClassVar = "Secret unreadable"
    description: ClassVar = "A stored secret does not open under its key: it was changed, or moved."
    objects: ClassVar = "integration"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        return [
            Finding(
                key=str(integration.id),
                label=integration.name,
                tenant_id=integration.tenant_id,
                sentence="A stored secret does not open under its key. Enter it again.",
            )
            for integration in credential_watch().unreadable(tenant_id)
        ]
