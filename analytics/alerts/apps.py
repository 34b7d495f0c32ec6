from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "analytics.alerts"
    label = "alerts"
    verbose_name = "Alerts"

    def ready(self) -> None:
        from analytics.alerts import checks  # noqa: F401  (registers the app's system checks)
