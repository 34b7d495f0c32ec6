"""What the services of this room refuse. Each is raised before anything is stored."""

from __future__ import annotations

from integrations.errors import ConflictError, NotAllowedError, NotFoundError


class WebhookNotConfigured(ConflictError):
    """There is no webhook of this name, or it has no address to send to."""


class UnknownWebhook(WebhookNotConfigured, NotFoundError):
    """There is no webhook of this name or id. Over HTTP that is "not found"."""


class WebhookInactive(ConflictError):
    """The webhook is disabled: enable it first."""


class TenantInactive(NotAllowedError):
    """The tenant is inactive and accepts nothing."""


class IdempotencyConflict(ConflictError):
    """The idempotency key was given before, with something else."""
