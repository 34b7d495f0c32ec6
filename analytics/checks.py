"""System checks of this room: the webhooks' directory, which is named in the settings, can answer."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import Error, register
from django.utils.module_loading import import_string

from analytics.ports import WebhookDirectory


@register
def check_webhook_directory(**_options: Any) -> list[Error]:
    """Report a `WEBHOOK_DIRECTORY` that cannot be imported or lacks a method of the port."""
    try:
        directory = import_string(settings.WEBHOOK_DIRECTORY)
    except (ImportError, AttributeError) as error:
        return [Error(f"WEBHOOK_DIRECTORY cannot be loaded: {error}", id="analytics.E001")]
    if isinstance(directory, WebhookDirectory):
        return []
    return [Error("WEBHOOK_DIRECTORY lacks a method of analytics.ports.WebhookDirectory.", id="analytics.E002")]
