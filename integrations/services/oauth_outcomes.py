"""What comes of a renewal, written by compare-and-swap on the credential version that was renewed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.utils import timezone

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption.secret import Secret
from integrations.isolation.scope import tenant_scope
from integrations.models import Health, Integration, OAuthGrant
from integrations.providers.base import Provider
from integrations.providers.oauth2 import OAuth2
from integrations.providers.oauth2_requests import Tokens
from integrations.providers.outcome import ProviderError

ACTOR_NAME: Final = "token renewal"
FAILURES_BEFORE_DEGRADED: Final = 3
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 900.0
_MARGIN: Final = timedelta(seconds=60)
_SPREAD: Final = 0.1


def store_renewed(row: Integration, grant: OAuthGrant, declared: OAuth2, tokens: Tokens, *, owner: UUID) -> bool:
    """Store new tokens for those of `row`, and give the lease back; False when its credentials are others by now.

    Neither `version` nor the earlier credentials count it: it is no edit. What the last test found still holds.
    """
    with tenant_scope(row.tenant_id):
        current = _locked(row)
        if current is None:
            return False
        config = {**current.config, declared.access_token_field: Secret(tokens.access_token)}
        if not tokens.by_previous_secret:
            config.pop(declared.previous_secret_field, None)  # the newest one works: it has served its time
        if tokens.refresh_token:
            config[declared.refresh_token_field] = Secret(tokens.refresh_token)
        current.config = config
        current.credential_version += 1
        if current.tested_version == row.credential_version:
            current.tested_version = current.credential_version
        if current.health not in {Health.OK, Health.UNKNOWN}:
            current.test_due_at = timezone.now()
        current.save(update_fields=["config", "credential_version", "tested_version", "test_due_at"])
        written = grant_after(current, declared, tokens)
        OAuthGrant.objects.filter(id=grant.id).update(**written)
        OAuthGrant.objects.filter(id=grant.id, lease_owner=owner).update(lease_owner=None, lease_until=None)
    return True


def grant_after(integration: Integration, declared: OAuth2, tokens: Tokens) -> dict[str, Any]:
    """Return what is known of an integration's tokens when they have just come."""
    now = timezone.now()
    can_be_refreshed = declared.has_refresh_token(integration.config)
    told: dict[str, str] = {"account": tokens.account, "scope": tokens.scope}
    return {
        "credential_version": integration.credential_version,
        "obtained_at": now,
        "usable_until": usable_until(now, tokens.lifetime),
        "refresh_due_at": half_of_life(now, tokens.lifetime) if can_be_refreshed else None,
        "failures": 0,
        "retry_at": None,
        "failure": "",
        "ended_version": None,
        **{name: value for name, value in told.items() if value},
    }


def usable_until(now: datetime, lifetime: timedelta | None) -> datetime | None:
    """Return until when a token is handed out: a minute, or a quarter of a short life, before it ends."""
    return None if lifetime is None else now + lifetime - min(_MARGIN, lifetime / 4)


def half_of_life(now: datetime, lifetime: timedelta | None) -> datetime | None:
    """Return when to renew: at half of the life, a tenth of it earlier at most, so that not all come at once."""
    return None if lifetime is None else now + lifetime * random.uniform(0.5 - _SPREAD, 0.5)  # noqa: S311


def note_failure(row: Integration, grant: OAuthGrant, error: ProviderError) -> None:
    """Put off the next renewal, ever longer. After three failures in a row a working integration is degraded."""
    with tenant_scope(row.tenant_id):
        current = _locked(row)
        if current is None:
            return
        failures = min((grant.failures if _is_known(row, grant) else 0) + 1, 1000)
        pause = min(_FIRST_PAUSE * 2 ** min(failures - 1, 16), _LONGEST_PAUSE)
        wait = timedelta(seconds=max(pause, error.retry_after or 0.0))
        written: Mapping[str, Any] = {"failures": failures, "retry_at": timezone.now() + wait, "failure": error.message}
        # Of credentials that a person entered nothing else is known, so that their tokens count as usable.
        unknown = {} if _is_known(row, grant) else {"usable_until": None, "refresh_due_at": None}
        OAuthGrant.objects.filter(id=grant.id).update(
            **written, **unknown, credential_version=current.credential_version
        )
        if failures >= FAILURES_BEFORE_DEGRADED and current.health in {Health.OK, Health.UNKNOWN}:
            _change_health(current, Health.DEGRADED, f"its token could not be renewed: {error.result}")


def note_ended(row: Integration, grant: OAuthGrant, provider: Provider) -> bool:
    """Take note that a person has to agree anew; False when the credentials are others by now, of which it says nothing.

    Alerts are told by the health (`integrations.credential_watch`).
    """
    with tenant_scope(row.tenant_id):
        current = _locked(row)
        if current is None:
            return False
        OAuthGrant.objects.filter(id=grant.id).update(ended_version=current.credential_version, refresh_due_at=None)
        if current.health != Health.REAUTH_REQUIRED:
            _change_health(current, Health.REAUTH_REQUIRED, f"{provider.label} ended what was agreed to")
    return True


def _locked(row: Integration) -> Integration | None:
    rows = Integration.objects.filter(tenant_id=row.tenant_id, credential_version=row.credential_version)
    return rows.select_for_update().filter(id=row.id).order_by("id").first()


def _is_known(row: Integration, grant: OAuthGrant) -> bool:
    return grant.credential_version == row.credential_version


def _change_health(current: Integration, health: Health, why: str) -> None:
    before, current.health = current.health, health
    current.save(update_fields=["health"])
    record_activity(
        actor=Actor.system(ACTOR_NAME),
        verb="integration.health_changed",
        target=current,
        tenant_id=current.tenant_id,
        changed_fields=["health"],
        detail=f"from {before} to {health}: {why}",
    )
