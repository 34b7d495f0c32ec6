"""What the services of this room refuse. Each is raised before anything is stored."""

from __future__ import annotations

from integrations.errors import ConflictError


class WebhookNotConfigured(ConflictError):
    """There is no webhook of this name, or it has no address to send to."""


class WebhookInactive(ConflictError):
    """The webhook is disabled: enable it first."""


class TenantInactive(ConflictError):
    """The tenant is inactive and accepts nothing."""
