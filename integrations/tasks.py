"""What workers do for this room."""

from __future__ import annotations

from celery import shared_task

from integrations.api_keys.usage import purge_usage
from integrations.services.connection_sweep import sweep_connections
from integrations.services.idempotency import forget_expired
from integrations.services.invitation_mails import send_invitation_mails
from integrations.services.oauth_sweep import forget_states, sweep_tokens
from integrations.services.tenants import sweep_deleted_tenants


@shared_task(name="integrations.sweep_deleted_tenants")
def sweep_deleted_tenants_task() -> None:
    """Remove the rows of deleted tenants; scheduled every minute and asked for after each deletion."""
    sweep_deleted_tenants()


@shared_task(name="integrations.purge_api_key_usage")
def purge_api_key_usage_task() -> None:
    """Forget how API keys were used more than 90 days ago; scheduled every hour."""
    purge_usage()


@shared_task(name="integrations.send_invitation_mails")
def send_invitation_mails_task() -> None:
    """Send the mails of invitations that are due; scheduled every minute and asked for after each invitation."""
    send_invitation_mails()


@shared_task(name="integrations.forget_idempotency_answers")
def forget_idempotency_answers() -> None:
    """Forget idempotency keys whose 24 hours are over."""
    forget_expired()


@shared_task(name="integrations.sweep_connections")
def sweep_connections_task() -> None:
    """Test the connections that are due; scheduled every minute."""
    sweep_connections()


@shared_task(name="integrations.renew_tokens")
def renew_tokens_task() -> None:
    """Renew the tokens that are at half of their life; scheduled every 30 seconds."""
    sweep_tokens()
    forget_states()
