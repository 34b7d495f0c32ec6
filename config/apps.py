"""`config` is an installed app, since commands that span the rooms live in it; it also names the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Signalbox"

    def ready(self) -> None:
        from config import security_checks  # noqa: F401  (registers the deployment's checks)


class SignalboxAdminConfig(AdminConfig):
    default_site = "config.admin_site.SignalboxAdminSite"
