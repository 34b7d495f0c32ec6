"""Access tokens of OAuth2 for those who call providers: fresh ones, renewed by one worker at a time.

A token is renewed only by whoever holds the lease in the integration's `OAuthGrant` row; others wait for its outcome. The
provider is asked outside of any transaction. What it gave is written by compare-and-swap on the credential version: who
replaced the credentials meanwhile wins, and the new tokens are dropped. A refresh token that rotates is so never spent
twice: it would cost the whole grant (RFC 9700, section 4.14.2).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from integrations.encryption.secret import Secret
from integrations.errors import NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import Integration, OAuthGrant
from integrations.providers.base import Provider
from integrations.providers.client import DEADLINE_SECONDS
from integrations.providers.oauth2 import OAuth2, oauth2_of
from integrations.providers.oauth2_requests import app_of, renewed_tokens
from integrations.providers.outcome import ProviderError, Result
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.providers.values import Values
from integrations.services.integration_health import note_traffic
from integrations.services.integrations import work_of
from integrations.services.oauth_outcomes import note_ended, note_failure, store_renewed

logger = structlog.get_logger(__name__)

LEASE: Final = timedelta(seconds=40)
"""Longer than a renewal takes, so that only a worker that died loses it."""
WAIT_SECONDS: Final = 20.0
_FIRST_POLL: Final = 0.05
_LONGEST_POLL: Final = 0.5
_ROUNDS: Final = 3

Needed = Callable[[Integration, OAuthGrant], bool]


class ReauthRequiredError(ProviderError):
    """The provider does not honour what was agreed to any more: a person has to connect it again."""

    def __init__(self, provider: Provider) -> None:
        super().__init__(Result.BAD_CREDENTIALS, f"{provider.label} has to be connected again.", code="reauth_required")


def uses_oauth2(integration: Integration) -> bool:
    """Tell whether an integration's tokens come from OAuth2, so that `access_token` can be asked for.

    Not where nothing of it is stored: an API token, or Slack's incoming webhook, is enough by itself.
    """
    try:
        declared = oauth2_of(get_provider(integration.provider))
    except UnknownProviderError:
        return False
    return declared is not None and declared.is_used_by(integration.config) and declared.has_part_in(integration.config)


def access_token(integration: Integration, *, rejected: str = "") -> str:
    """Return an access token that works as far as anybody knows, renewed first if it has ended.

    `rejected` is a token that the provider has just refused: another one is returned. Waits up to 20 seconds for another
    worker that renews it. Call it outside of any transaction. Raises ReauthRequiredError when a person has to connect
    again, ProviderError when there is no token at present, NotFoundError when the integration is gone, EncryptionError
    when a stored secret does not open.
    """

    def needed(row: Integration, grant: OAuthGrant) -> bool:
        return not _is_usable(row, grant, _declared(row)[1], rejected)

    row, _ = _renewed(integration, needed, wait=WAIT_SECONDS)
    if row is None:
        label = get_provider(integration.provider).label
        message = f"The token of {label} is being renewed at this moment, which takes long: try again."
        raise ProviderError(Result.NETWORK, message, retry_after=5.0)
    return _token_of(row, _declared(row)[1])


def fresh_values(integration: Integration, *, rejected: str = "") -> Values:
    """Open an integration's values for a call, with an access token that works where OAuth2 is used.

    Raises as `access_token` does, and EncryptionError.
    """
    return Values.revealed(get_provider(integration.provider), with_fresh_token(integration, rejected=rejected).config)


def with_fresh_token(integration: Integration, *, rejected: str = "") -> Integration:
    """Return the integration as it is stored once its access token works; the same one where it uses no OAuth2."""
    if not uses_oauth2(integration):
        return integration
    access_token(integration, rejected=rejected)
    return _look(integration)[0]


def up_to_date(integration: Integration) -> Integration:
    """Return the integration with an access token that works, for a test; as it is where none can be had.

    Only of those that people connect: where a client gets tokens by itself, getting one is what is tested.
    """
    declared = oauth2_of(get_provider(integration.provider))
    if (
        declared is None
        or not declared.people_agree_to(integration.config)
        or declared.access_token_field not in integration.config
    ):
        return integration
    try:
        return with_fresh_token(integration)
    except ProviderError:
        return integration  # what is wrong shows in the test


def renew_if_due(integration: Integration) -> bool:
    """Renew at half of the token's life, for the sweep; return whether it was. Leaves alone what another worker renews."""

    def needed(row: Integration, grant: OAuthGrant) -> bool:
        is_known = grant.credential_version == row.credential_version
        return is_known and grant.refresh_due_at is not None and grant.refresh_due_at <= timezone.now()

    return _renewed(integration, needed, wait=0.0)[1]


def _renewed(integration: Integration, needed: Needed, *, wait: float) -> tuple[Integration | None, bool]:
    """Renew while it is needed; return the row for which it is not, and whether this worker made it so.

    None when another worker is still at it.
    """
    ends_at, pause, is_ours = time.monotonic() + wait, _FIRST_POLL, False
    for _ in range(_ROUNDS):
        while True:
            row, grant = _look(integration)
            if not needed(row, grant):
                return row, is_ours
            provider, declared = _declared(row)
            _refuse_what_is_hopeless(provider, declared, row, grant)
            owner, claimed_at = uuid4(), time.monotonic()
            if _claim(grant, owner):
                break
            if time.monotonic() >= ends_at:
                return None, is_ours
            time.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, _LONGEST_POLL)
        try:
            # It may have been renewed between the look and the claim.
            row, grant = _look(integration)
            if needed(row, grant) and _has_time(claimed_at):
                _refuse_what_is_hopeless(provider, declared, row, grant)
                is_ours = _renew(provider, declared, row, grant, owner) or is_ours
        finally:
            _release(grant, owner)
    raise ProviderError(Result.NETWORK, f"The credentials of {provider.label} keep changing: try again.")


def _renew(provider: Provider, declared: OAuth2, row: Integration, grant: OAuthGrant, owner: UUID) -> bool:
    """Ask the provider and return whether its tokens were stored; the caller holds the lease. Raises ProviderError."""
    values = Values.revealed(provider, row.config)
    app = app_of(provider, declared, values)
    if app is None:
        message = f"{provider.label} needs an OAuth app: its client ID and client secret are not set."
        raise ProviderError(Result.BAD_CREDENTIALS, message)
    try:
        tokens = renewed_tokens(provider, declared, values, app=app)
    except ProviderError as error:
        if error.code not in declared.ended_grants:
            note_failure(row, grant, error)
            note_traffic(
                tenant_id=row.tenant_id,
                integration_id=row.id,
                credential_version=row.credential_version,
                result=error.result,
            )
            logger.warning("token_not_renewed", integration_id=str(row.id), provider=provider.key, result=error.result)
            raise
        # Another process, or a person, may have put newer tokens there: then those are looked at, once more.
        if note_ended(row, grant, provider):
            logger.warning("token_grant_ended", integration_id=str(row.id), provider=provider.key)
            raise ReauthRequiredError(provider) from None
        return False
    is_stored = store_renewed(row, grant, declared, tokens, owner=owner)
    logger.info("token_renewed", integration_id=str(row.id), provider=provider.key, stored=is_stored)
    return is_stored


def _look(integration: Integration) -> tuple[Integration, OAuthGrant]:
    """Read both in one statement: read one after the other, the token of before might meet the grant of after."""
    tenant_id, integration_id = integration.tenant_id, integration.id
    with work_of(tenant_id):
        rows = OAuthGrant.objects.select_related("integration").filter(
            tenant_id=tenant_id, integration_id=integration_id
        )
        grant = rows.first()
        if grant is None:
            if not Integration.objects.filter(tenant_id=tenant_id, id=integration_id).exists():
                raise NotFoundError("The integration does not exist any more.")
            OAuthGrant.objects.get_or_create(integration_id=integration_id, defaults={"tenant_id": tenant_id})
            grant = rows.get()
    return grant.integration, grant


def _declared(row: Integration) -> tuple[Provider, OAuth2]:
    provider = get_provider(row.provider)
    declared = oauth2_of(provider)
    if declared is None or not declared.is_used_by(row.config):
        raise ProviderError(Result.BAD_CREDENTIALS, f"{provider.label} gets no tokens by OAuth2.")
    return provider, declared


def _token_of(row: Integration, declared: OAuth2) -> str:
    stored = row.config.get(declared.access_token_field)
    return stored.reveal() if isinstance(stored, Secret) else ""


def _is_usable(row: Integration, grant: OAuthGrant, declared: OAuth2, rejected: str) -> bool:
    token = _token_of(row, declared)
    if not token or token == rejected:
        return False
    if grant.credential_version != row.credential_version:
        # A person entered it: nobody knows when it ends. One that the client got itself was for the settings of before.
        return declared.takes_entered_tokens(row.config)
    return grant.usable_until is None or timezone.now() < grant.usable_until


def _refuse_what_is_hopeless(provider: Provider, declared: OAuth2, row: Integration, grant: OAuthGrant) -> None:
    """Raise what is known without asking: that nothing can be renewed, or not before some moment."""
    can_ask = declared.has_refresh_token(row.config) or declared.asks_by_itself(row.config)
    if grant.ended_version == row.credential_version or not can_ask:
        raise ReauthRequiredError(provider)
    is_known = grant.credential_version == row.credential_version
    if is_known and grant.retry_at is not None and (left := (grant.retry_at - timezone.now()).total_seconds()) > 0:
        raise ProviderError(Result.PROVIDER_DOWN, grant.failure or "The token could not be renewed.", retry_after=left)


# --- The lease ------------------------------------------------------------------------------------------------------


def _claim(grant: OAuthGrant, owner: UUID) -> bool:
    """Take the lease if it is free or has ended, by the database's clock; one guarded update."""
    with tenant_scope(grant.tenant_id):
        rows = OAuthGrant.objects.filter(tenant_id=grant.tenant_id, id=grant.id)
        free = rows.filter(Q(lease_until=None) | Q(lease_until__lte=Now()))
        return free.update(lease_owner=owner, lease_until=Now() + LEASE) == 1


def _release(grant: OAuthGrant, owner: UUID) -> None:
    """Give the lease back if it is still this worker's."""
    with tenant_scope(grant.tenant_id):
        OAuthGrant.objects.filter(tenant_id=grant.tenant_id, id=grant.id, lease_owner=owner).update(
            lease_owner=None, lease_until=None
        )


def _has_time(claimed_at: float) -> bool:
    """Tell whether the lease outlasts a request: a worker that was stopped for long must not send one."""
    return time.monotonic() - claimed_at < LEASE.total_seconds() - DEADLINE_SECONDS - 5
