"""`{% open_alerts as open %}`: so that the template brings its own context wherever it is included."""

from __future__ import annotations

from typing import Any

from django import template

from analytics.alerts.open_alerts import open_alerts_context

register = template.Library()


@register.simple_tag
def open_alerts() -> dict[str, Any]:
    return open_alerts_context()
