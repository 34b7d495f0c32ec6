"""Running a provider's actions: with an integration's credentials, or with those that resolution finds.

What is needed is read in one tenant scope, the provider is asked outside of any, what the action made is remembered in
transactions of their own as soon as it is made, and what came of it is one entry of the activity log. That names the
action and its result, never what it was given.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, partial
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings

from integrations.activity.actor import Actor
from integrations.activity.recording import record_activity
from integrations.encryption.errors import UnreadableSecretError
from integrations.errors import ConflictError, InvalidInputError, LimitReachedError, NotFoundError, ProviderCallError
from integrations.models import Integration, Tenant
from integrations.ports import receiver_directory
from integrations.providers.actions import (
    Action,
    ActionCall,
    ActionRefusedError,
    ReceiverPlace,
    UnknownActionError,
    action_of,
)
from integrations.providers.base import Provider
from integrations.providers.client import ProviderClient
from integrations.providers.oauth2 import oauth2_of
from integrations.providers.outcome import REFUSED, ProviderError, Result
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.providers.values import Values
from integrations.resolution import Resolved, Source, resolve_provider, resolved_of
from integrations.services.action_records import ActionPlace
from integrations.services.connection_tests import unreadable_conflict
from integrations.services.integration_health import note_traffic
from integrations.services.integrations import work_of
from integrations.services.oauth_tokens import fresh_values, uses_oauth2
from integrations.sliding_window import Limit, SlidingWindow

DEADLINE_SECONDS: Final = 25.0
"""For all requests of a run together."""
RUNS_PER_MINUTE: Final = 120
"""Of one tenant: each may hold a web thread until its deadline."""
MAX_TEXT: Final = 2000
"""How many characters of a text in an answer are passed on."""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ActionOutcome:
    """What an action did, and with whose credentials. No secret of the integration is in the answer."""

    source: Source
    provider: Provider
    integration: Integration | None
    action: Action
    answer: dict[str, object]


@dataclass(frozen=True, slots=True)
class OfferedAction:
    """An action as one integration offers it."""

    action: Action
    is_enabled: bool


def offered_actions(resolved: Resolved) -> list[OfferedAction]:
    """Return the actions of what is used, in the order in which people see them."""
    row = resolved.integration
    return [
        OfferedAction(action, row is None or (row.enabled and row.allows(action.name)))
        for action in resolved.provider.declared_actions
    ]


def named_action(provider: str, action: str) -> Action:
    """Return an action by its provider's key and its name. Raises NotFoundError."""
    try:
        return _named(get_provider(provider), action)
    except UnknownProviderError:
        raise NotFoundError("There is no such provider.") from None


def resolve_integration(integration: Integration) -> Resolved:
    """Return an integration as what actions use. Raises NotFoundError when its provider was removed."""
    try:
        return resolved_of(integration)
    except UnknownProviderError:
        raise NotFoundError("There is no such provider.") from None


def resolve_actions(*, tenant: Tenant, provider: str, membership_id: UUID | None = None) -> Resolved:
    """Return whose credentials actions of a provider use. Raises NotFoundError, also for an unknown provider."""
    try:
        return resolve_provider(tenant=tenant, provider=provider, membership_id=membership_id)
    except UnknownProviderError:
        raise NotFoundError("There is no such provider.") from None


def run_integration_action(
    *, actor: Actor, tenant: Tenant, integration: Integration, action: str, parameters: Mapping[str, object]
) -> ActionOutcome:
    """Run an action with an integration that the caller may use; the rest as `run_provider_action`."""
    with work_of(tenant.id):
        rows = Integration.objects.filter(tenant_id=tenant.id, owner_id=integration.owner_id)
        current = rows.filter(id=integration.id).first()
    if current is None:
        raise NotFoundError("The integration does not exist any more.")
    resolved = resolve_integration(current)
    return _run(actor, tenant, resolved, _named(resolved.provider, action), parameters)


def run_provider_action(
    *,
    actor: Actor,
    tenant: Tenant,
    provider: str,
    action: str,
    parameters: Mapping[str, object],
    membership_id: UUID | None = None,
) -> ActionOutcome:
    """Run an action with the member's own credentials, else the tenant's, else the platform's own.

    Call it outside of any transaction. Two runs of one action (or of actions that share a lease) with one integration do
    not meet: the second is refused. Raises NotFoundError for an unknown provider or action and where nothing is
    connected, InvalidInputError for wrong parameters, before any call; ConflictError for what is switched off, a run that
    is under way, or a stored secret that does not open; LimitReachedError; ProviderCallError when the provider does not do
    it; KeyNotAtHandError.
    """
    declared = named_action(provider, action)
    resolved = resolve_provider(tenant=tenant, provider=provider, membership_id=membership_id)
    return _run(actor, tenant, resolved, declared, parameters)


def _named(provider: Provider, name: str) -> Action:
    try:
        return action_of(provider, name)
    except UnknownActionError:
        offered = ", ".join(action.name for action in provider.declared_actions) or "none"
        raise NotFoundError(f"{provider.label} has no such action. It has: {offered}.") from None


def _run(
    actor: Actor, tenant: Tenant, resolved: Resolved, action: Action, parameters: Mapping[str, object]
) -> ActionOutcome:
    resolved.require(action.name)
    cleaned, problems = action.cleaned(parameters)
    if problems:
        raise InvalidInputError(problems)
    _spend(tenant.id)
    row = resolved.integration
    place = ActionPlace(tenant.id, resolved.provider.key, row.id if row else None)
    label = f"{action.label} of {row.name if row else resolved.provider.label}"
    started = time.perf_counter()
    result = ""
    with place.lease(action.lease_name, label=label) if action.lease_name else nullcontext():
        try:
            answer = _asked(resolved, action, cleaned, place)
            result = Result.OK.value
        except ProviderError as error:
            failed = _call_error(error)
            result = failed.result
            raise failed from None
        finally:
            logger.info(
                "provider_action_run",
                provider=resolved.provider.key,
                action=action.name,
                result=result or "error",
                latency_ms=round((time.perf_counter() - started) * 1000),
            )
            if result:
                _record(actor, tenant, resolved, action, result)
                _note(row, result)
    return ActionOutcome(resolved.source, resolved.provider, row, action, answer)


def _asked(resolved: Resolved, action: Action, parameters: Mapping[str, str], place: ActionPlace) -> dict[str, object]:
    """Ask the provider; once more with another token where the first is no longer taken and nothing was done yet."""
    ends_at = time.monotonic() + DEADLINE_SECONDS
    rejected = ""
    while True:
        values = _opened(resolved, rejected)
        with ProviderClient(resolved.provider, values, deadline=ends_at - time.monotonic()) as client:
            state = place.state()

            def remember(
                name: str, value: object, *, client: ProviderClient = client, state: dict[str, object] = state
            ) -> None:
                kept = client.scrubber.json(value, max_length=MAX_TEXT)
                place.remember(name, kept)
                if kept is None:
                    state.pop(name, None)
                else:
                    state[name] = kept

            call = ActionCall(
                client=client,
                values=values,
                parameters=parameters,
                state=state,
                remember=remember,
                is_shared=resolved.source is Source.ENVIRONMENT,
                receivers=partial(_receivers, place),
            )
            try:
                found = client.scrubber.json(dict(action.function(call)), max_length=MAX_TEXT)
            except ProviderError as error:
                token = _token(resolved, values)
                is_over = error.result is not Result.BAD_CREDENTIALS or not token or bool(rejected)
                if is_over or (client.answered and not action.is_repeatable):
                    raise client.scrubbed(error) from None
                rejected = token
                continue
        return found if isinstance(found, dict) else {}


def _opened(resolved: Resolved, rejected: str) -> Values:
    if resolved.integration is None:
        return resolved.values()
    try:
        return fresh_values(resolved.integration, rejected=rejected)
    except UnreadableSecretError as error:
        raise unreadable_conflict(error) from None


def _token(resolved: Resolved, values: Values) -> str:
    """Return the access token that can be renewed, "" where there is none."""
    declared = oauth2_of(resolved.provider)
    if declared is None or resolved.integration is None or not uses_oauth2(resolved.integration):
        return ""
    return values.get(declared.access_token_field, "")


def _call_error(error: ProviderError) -> ProviderCallError:
    if not isinstance(error, ActionRefusedError):
        return ProviderCallError(error.message, result=error.result.value, retry_after=error.retry_after)
    errors = {error.parameter: [error.message]} if error.parameter else {}
    return ProviderCallError(error.message, result=REFUSED, errors=errors)


def _record(actor: Actor, tenant: Tenant, resolved: Resolved, action: Action, result: str) -> None:
    row = resolved.integration
    with work_of(tenant.id):
        if row is not None:
            record_activity(
                actor=actor,
                verb="integration.action_run",
                target=row,
                tenant_id=tenant.id,
                detail=f"{action.name}: {result}",
            )
            return
        record_activity(
            actor=actor,
            verb="provider.action_run",
            object_kind="provider",
            object_name=resolved.provider.label,
            tenant_id=tenant.id,
            detail=f"{action.name} with the platform's own credentials: {result}",
        )


def _note(row: Integration | None, result: str) -> None:
    """Let what came of it feed the integration's health; a refusal of what was given says that the credentials work."""
    if row is None:
        return
    note_traffic(
        tenant_id=row.tenant_id,
        integration_id=row.id,
        credential_version=row.credential_version,
        result=Result.OK if result == REFUSED else Result(result),
    )


def _receivers(place: ActionPlace) -> Sequence[ReceiverPlace]:
    try:
        with work_of(place.tenant_id):
            return receiver_directory().active(place.tenant_id, place.provider)
    except UnreadableSecretError:
        raise ConflictError("The secret of a receiver no longer opens: give it a new one.") from None


def _spend(tenant_id: UUID) -> None:
    """Count a run; while Redis is away, all pass."""
    limit = Limit("actions", f"signalbox:actions:{{{tenant_id}}}", RUNS_PER_MINUTE)
    taken = _counts(settings.REDIS_PY_URL).take([limit])
    if taken is not None and not taken.allowed:
        message = f"At most {RUNS_PER_MINUTE} actions of a tenant are run in a minute."
        raise LimitReachedError(message, max(1, taken.standings[0].wait))


@cache
def _counts(url: str) -> SlidingWindow:
    return SlidingWindow(url, window=60)
