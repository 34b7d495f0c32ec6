from analytics.alerts.admin import alerts, channels, rules

__all__ = ["alerts", "channels", "rules"]
