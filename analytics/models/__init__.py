from analytics.models.call import ErrorKind, WebhookCall
from analytics.models.retention import ALL_TENANTS, PurgeHorizon, TenantRetention
from analytics.models.rollup import ALL_TARGETS, ALL_TARGETS_KIND, HourlyRollup, MinuteRollup, Rollup

__all__ = [
    "ALL_TARGETS",
    "ALL_TARGETS_KIND",
    "ALL_TENANTS",
    "ErrorKind",
    "HourlyRollup",
    "MinuteRollup",
    "PurgeHorizon",
    "Rollup",
    "TenantRetention",
    "WebhookCall",
]
