"""Renewing the tokens of all enabled integrations at half of their life, so that no call has to wait for one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from uuid import UUID

import structlog
from django.db import close_old_connections, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from integrations.encryption.errors import EncryptionError
from integrations.errors import ServiceError
from integrations.models import Integration, OAuthGrant, OAuthState
from integrations.providers.outcome import ProviderError
from integrations.services.oauth_tokens import renew_if_due

logger = structlog.get_logger(__name__)

AT_ONCE: Final = 4
RUN_SECONDS: Final = 45.0
_BATCH: Final = 20


def sweep_tokens(*, run_seconds: float = RUN_SECONDS, at_once: int = AT_ONCE) -> int:
    """Renew what is due, the longest due first, and return how many were renewed. May run beside itself.

    Begins none after `run_seconds`; the next run goes on. Which of several workers renews one is decided by its lease.
    """
    ends_at = time.monotonic() + run_seconds
    seen: set[UUID] = set()
    renewed = 0
    with ThreadPoolExecutor(at_once, thread_name_prefix="token-sweep") as pool:
        while time.monotonic() < ends_at and (batch := _due(seen)):
            seen.update(row.id for row in batch)
            renewed += sum(pool.map(_renew, batch))
    return renewed


def forget_states() -> int:
    """Delete connections that were started and not finished in time; return how many. Safe to repeat."""
    with transaction.atomic():
        return OAuthState.objects.filter(expires_at__lt=Now()).delete()[0]


def _due(seen: set[UUID]) -> list[Integration]:
    with transaction.atomic():
        # As the owner: the worker looks across tenants.
        grants = OAuthGrant.objects.filter(
            Q(retry_at=None) | Q(retry_at__lte=Now()),
            Q(lease_until=None) | Q(lease_until__lte=Now()),
            refresh_due_at__lte=Now(),
            integration__enabled=True,
            tenant__is_active=True,
            tenant__deleted_at=None,
        ).exclude(integration_id__in=seen)
        chosen = grants.order_by("refresh_due_at").select_related("integration")[:_BATCH]
        return [grant.integration for grant in chosen]


def _renew(integration: Integration) -> bool:
    """Renew one, in a thread of its own. One that cannot be renewed holds up no other."""
    try:
        return renew_if_due(integration)
    except ProviderError:
        return False  # it was noted and logged where it happened
    except Exception as error:  # whatever it is, it must not keep the others from being renewed
        if isinstance(error, ServiceError | EncryptionError):
            logger.warning("token_not_renewed", integration_id=str(integration.id), reason=type(error).__name__)
        else:
            logger.exception("token_not_renewed", integration_id=str(integration.id))
        return False
    finally:
        close_old_connections()
        connection.close()
