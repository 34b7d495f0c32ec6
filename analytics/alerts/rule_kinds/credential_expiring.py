from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

from analytics.alerts.ports import credential_watch
from analytics.alerts.rule_kinds.base import Finding, Parameter, RuleKind


class CredentialExpiring(RuleKind):
    key: ClassVar = "credential_expiring"
    label: ClassVar = "Credential about to expire"
    description: ClassVar = "A credential expires, or its secrets reach `CREDENTIAL_MAX_AGE_DAYS`, within so many days."
    parameters: ClassVar = (Parameter("days", "Within", 7, 1, 365, "days"),)
    objects: ClassVar = "credential"

    def evaluate(self, *, parameters: Mapping[str, int], tenant_id: UUID | None, now: datetime) -> list[Finding]:
        before = now + timedelta(days=parameters["days"])
        return [
            Finding(
                key=str(credential.id),
                label=credential.name,
                tenant_id=credential.tenant_id,
                value=max((credential.since - now).days, 0),
                sentence=f"The {credential.reason} on {credential.since:%Y-%m-%d at %H:%M} UTC.",
            )
            for credential in credential_watch().expiring(tenant_id, now=now, before=before)
            if credential.since is not None
        ]
