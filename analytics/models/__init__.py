from analytics.models.call import COUNTED_KIND, ErrorKind, WebhookCall
from analytics.models.retention import ALL_TENANTS, PurgeHorizon, TenantRetention
from analytics.models.rollup import ALL_TARGETS, ALL_TARGETS_KIND, HourlyRollup, MinuteRollup, Rollup

__all__ = [
    "ALL_TARGETS",
    "ALL_TARGETS_KIND",
    "ALL_TENANTS",
    "COUNTED_KIND",
    "ErrorKind",
    "HourlyRollup",
    "MinuteRollup",
    "PurgeHorizon",
    "Rollup",
    "TenantRetention",
    "WebhookCall",
]
