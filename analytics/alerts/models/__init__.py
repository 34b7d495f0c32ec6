from analytics.alerts.models.alert import Alert, AlertNotice, NoticeEvent, NoticeState
from analytics.alerts.models.channel import AlertChannel
from analytics.alerts.models.rule import AlertMute, AlertRule

__all__ = ["Alert", "AlertChannel", "AlertMute", "AlertNotice", "AlertRule", "NoticeEvent", "NoticeState"]
