"""System checks: who tells this app what it needs to know, named in the settings, can tell it."""

from __future__ import annotations

from typing import Any, Final

from django.conf import settings
from django.core.checks import Error, register
from django.utils.module_loading import import_string

from analytics.alerts.ports import APILatency, CredentialWatch, MessageSigning, WebhookWatch

_PORTS: Final[dict[str, Any]] = {
    "ALERT_WEBHOOK_WATCH": WebhookWatch,
    "ALERT_CREDENTIAL_WATCH": CredentialWatch,
    "ALERT_SIGNING": MessageSigning,
    "API_LATENCY": APILatency,
}


@register
def check_ports(**_options: Any) -> list[Error]:
    """Report a setting that cannot be imported or lacks a method of its port."""
    errors = []
    for name, port in _PORTS.items():
        try:
            fulfilled = isinstance(import_string(getattr(settings, name)), port)
        except (ImportError, AttributeError) as error:
            errors.append(Error(f"{name} cannot be loaded: {error}", id="alerts.E001"))
            continue
        if not fulfilled:
            errors.append(Error(f"{name} lacks a method of analytics.alerts.ports.{port.__name__}.", id="alerts.E002"))
    return errors
