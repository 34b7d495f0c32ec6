from analytics.models.call import ErrorKind, WebhookCall
from analytics.models.rollup import HourlyRollup

__all__ = ["ErrorKind", "HourlyRollup", "WebhookCall"]
