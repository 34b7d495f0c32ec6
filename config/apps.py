"""`config` is an installed app, since commands that span the rooms live in it; it also names the admin site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Signalbox"


class SignalboxAdminConfig(AdminConfig):
    default_site = "config.admin_site.SignalboxAdminSite"
