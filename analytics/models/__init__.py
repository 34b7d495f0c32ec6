from analytics.models.call import ErrorKind, WebhookCall
from analytics.models.rollup import ALL_TARGETS, ALL_TARGETS_KIND, HourlyRollup, MinuteRollup, Rollup

__all__ = [
    "ALL_TARGETS",
    "ALL_TARGETS_KIND",
    "ErrorKind",
    "HourlyRollup",
    "MinuteRollup",
    "Rollup",
    "WebhookCall",
]
