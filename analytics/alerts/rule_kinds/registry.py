"""All kinds of rules, in the order in which people see them. A kind is its module and one line here."""

from __future__ import annotations

from typing import Final

from django.utils.module_loading import import_string

from analytics.alerts.rule_kinds.base import RuleKind

_ROOM: Final = "analytics.alerts.rule_kinds"
RULE_KINDS: Final[dict[str, str]] = {
    "failure_rate": f"{_ROOM}.failure_rate.FailureRate",
    "webhook_latency": f"{_ROOM}.webhook_latency.WebhookLatency",
    "api_latency": f"{_ROOM}.api_latency.APILatency",
    "webhook_disabled": f"{_ROOM}.webhook_disabled.WebhookDisabled",
    "breaker_open": f"{_ROOM}.breaker_open.BreakerOpen",
    "delivery_lag": f"{_ROOM}.delivery_lag.DeliveryLag",
    "credential_failing": f"{_ROOM}.credential_failing.CredentialFailing",
    "credential_expiring": f"{_ROOM}.credential_expiring.CredentialExpiring",
    "secret_unreadable": f"{_ROOM}.secret_unreadable.SecretUnreadable",
    "default_partition": f"{_ROOM}.default_partition.DefaultPartition",
}


class UnknownRuleKindError(LookupError):
    """No kind has this key: a mistake in a request, or a row of a kind that was removed."""


def get_rule_kind(key: str) -> RuleKind:
    """Return the kind with this key; raises UnknownRuleKindError."""
    try:
        path = RULE_KINDS[key]
    except KeyError:
        raise UnknownRuleKindError(key) from None
    kind: RuleKind = import_string(path)()
    return kind


def all_rule_kinds() -> list[RuleKind]:
    return [get_rule_kind(key) for key in RULE_KINDS]


def kind_choices() -> list[tuple[str, str]]:
    """Return the kinds as a model's choices: a callable, so that a new one needs no migration."""
    return [(kind.key, kind.label) for kind in all_rule_kinds()]
