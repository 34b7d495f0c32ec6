from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from analytics.alerts.ports import credential_watch
from analytics.alerts.rule_kinds.base import Finding, RuleKind


class CredentialFailing(RuleKind):
    key: ClassVar = "credential_failing"
    label: ClassVar = "Credential fails its test"
    description: ClassVar = "An enabled integration's last test failed, or it asks for a new authorisation."
    objects: ClassVar = "integration"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        return [
            Finding(
                key=str(integration.id),
                label=integration.name,
                tenant_id=integration.tenant_id,
                sentence=f"The integration does not work: {integration.reason}.",
            )
            for integration in credential_watch().failing(tenant_id)
        ]
