"""Connecting an integration: a person agrees at the provider, whose callback brings a code that is traded for tokens.

The state that goes along is random, stored as a hash, valid for ten minutes, and bound to what it was made for. It is
deleted, by whoever comes first, before the code is traded: nothing of it works twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_variables

from integrations.activity.actor import Actor
from integrations.activity.models import ActorKind
from integrations.activity.recording import record_activity
from integrations.encryption.errors import UnreadableSecretError
from integrations.errors import ConflictError, InvalidInputError, NotFoundError, ServiceError
from integrations.models import Integration, Membership, OAuthGrant, OAuthState, Tenant
from integrations.providers.base import Provider
from integrations.providers.oauth2 import OAuth2, oauth2_of
from integrations.providers.oauth2_requests import (
    OAuthApp,
    Tokens,
    app_of,
    authorization_url,
    exchange_code,
    new_verifier,
)
from integrations.providers.outcome import ProviderError
from integrations.providers.registry import UnknownProviderError, get_provider
from integrations.providers.values import Values
from integrations.services.integration_items import add_integration
from integrations.services.integrations import change_integration, work_of
from integrations.services.oauth_outcomes import grant_after
from integrations.services.oauth_states import consumed_state, hash_of, require_still_allowed

VALID_FOR: Final = timedelta(minutes=10)
_RANDOM_BYTES: Final = 32
_LONGEST_CODE: Final = 4000


class DeniedError(ServiceError):
    """The person, or the provider for them, did not agree."""


class ExchangeError(ServiceError):
    """The provider gave no tokens, or none that could be stored, although the person agreed."""


@dataclass(frozen=True, slots=True)
class Connected:
    """What came of it, and where the person wanted to go then: a path of this site, or ""."""

    integration: Integration
    provider: Provider
    return_to: str
    missing_scopes: tuple[str, ...] = ()
    """What was asked for and not granted: what needs it will be refused."""

    @property
    def warning(self) -> str:
        """A sentence on what was not granted; "" where all was."""
        if not self.missing_scopes:
            return ""
        named = ", ".join(self.missing_scopes)
        return (
            f"{self.provider.label} did not grant {named}: what needs it will be refused. Connect again to agree to it."
        )


def connectable(key: str) -> tuple[Provider, OAuth2]:
    """Return a provider to which people connect. Raises NotFoundError for an unknown one, ConflictError for others."""
    try:
        provider = get_provider(key)
    except UnknownProviderError:
        raise NotFoundError("There is no such provider.") from None
    declared = oauth2_of(provider)
    if declared is None or not declared.authorize_url:
        raise ConflictError(f"{provider.label} is not connected by OAuth2: enter its credentials.")
    return provider, declared


def missing_scopes_of(integration: Integration) -> tuple[str, ...]:
    """Return the scopes that were asked for and not granted when it was connected last."""
    provider = get_provider(integration.provider)
    declared = oauth2_of(provider)
    if declared is None or not declared.people_agree_to(integration.config):
        return ()
    grant = OAuthGrant.objects.filter(tenant_id=integration.tenant_id, integration_id=integration.id).first()
    public = {field.name: str(integration.config.get(field.name) or "") for field in provider.public_fields}
    return declared.missing_scopes(Values(provider, public), grant.scope) if grant is not None else ()


def redirect_uri_of(provider: Provider) -> str:
    """Return the address that the app at the provider must allow: one for each provider (RFC 9700, section 4.4)."""
    return f"{settings.APP_URL}/oauth/{provider.key}/callback"


@sensitive_variables()
def start_connection(
    *,
    actor: Actor,
    tenant: Tenant,
    provider: str,
    integration: Integration | None = None,
    values: Mapping[str, object] | None = None,
    owner: Membership | None = None,
    session_key: str = "",
    return_to: str = "",
) -> str:
    """Return the address at the provider where a person agrees to `integration`, or to a new one of `owner`.

    `values` are public fields of a new one. With `session_key` only the browser of that session can finish it. Raises
    ConflictError where there is no OAuth app or the provider has no OAuth2, InvalidInputError, NotFoundError.
    """
    declared_provider, declared = connectable(provider)
    target = _checked_return(return_to)
    if integration is not None and integration.provider != provider:
        raise InvalidInputError({"integration": [f"It is no integration of {declared_provider.label}."]})
    given = {} if integration is not None else _public_values(declared_provider, values or {})
    if integration is not None and values:
        raise InvalidInputError({"values": ["They are for a new integration: change the stored one instead."]})
    opened = _opened(declared_provider, integration.config if integration is not None else given)
    if not declared.people_agree_to(opened):
        raise ConflictError(
            f"With these settings {declared_provider.label} is not connected by a person: enter credentials."
        )
    app = _required_app(declared_provider, declared, opened)
    state, verifier = secrets.token_urlsafe(_RANDOM_BYTES), new_verifier()
    redirect_uri = redirect_uri_of(declared_provider)
    url = authorization_url(declared, opened, app=app, state=state, verifier=verifier, redirect_uri=redirect_uri)
    with work_of(tenant.id):
        if integration is not None and not Integration.objects.filter(tenant=tenant, id=integration.id).exists():
            raise NotFoundError("The integration does not exist any more.")
        OAuthState.objects.create(
            tenant=tenant,
            integration=integration,
            owner=None if integration is not None else owner,
            provider=provider,
            state_hash=hash_of(state),
            verifier=verifier,
            redirect_uri=redirect_uri,
            return_to=target,
            session_hash=hash_of(session_key) if session_key else "",
            values=given,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_name=actor.name[:254],
            expires_at=timezone.now() + VALID_FOR,
        )
    return url


@sensitive_variables()
def finish_connection(
    *, provider: str, state: str, code: str = "", error: str = "", session_key: str = "", address: str | None = None
) -> Connected:
    """Store the tokens for what a callback brings. Looks across tenants, as authentication does.

    Raises NotFoundError for a state that is none (any more) or belongs to another provider or browser, DeniedError,
    ExchangeError, and NotAllowedError while the tenant is inactive.
    """
    begun = consumed_state(provider, state, session_key)
    require_still_allowed(begun)
    declared_provider, declared = connectable(provider)
    if error or not code:
        raise DeniedError(_why_denied(declared_provider, error))
    if len(code) > _LONGEST_CODE:
        raise ExchangeError(f"{declared_provider.label} sent a code that is too long.")
    integration = _stored(begun)
    opened = _opened(declared_provider, integration.config if integration is not None else begun.values)
    if not declared.people_agree_to(opened):
        raise ConflictError("The settings were changed meanwhile: nobody connects with the present ones.")
    app = _required_app(declared_provider, declared, opened)
    try:
        tokens = exchange_code(
            declared_provider,
            declared,
            opened,
            app=app,
            code=code,
            verifier=begun.verifier.reveal(),
            redirect_uri=begun.redirect_uri,
        )
    except ProviderError as failed:
        raise ExchangeError(f"{declared_provider.label} gave no tokens. {failed.message}") from None
    actor = Actor(ActorKind(begun.actor_kind), begun.actor_id, begun.actor_name, address=address)
    missing = declared.missing_scopes(opened, tokens.scope)
    try:
        connected = _store(actor, begun, declared, integration, tokens, missing)
    except InvalidInputError as wrong:
        names = ", ".join(wrong.errors)
        raise ExchangeError(f"What {declared_provider.label} gave cannot be stored: {names}. {wrong.detail}") from None
    return Connected(connected, declared_provider, begun.return_to, missing)


# --- What is stored ----------------------------------------------------------------------------------------------------


def _stored(begun: OAuthState) -> Integration | None:
    if begun.integration_id is None:
        return None
    with work_of(begun.tenant_id):
        rows = Integration.objects.filter(tenant_id=begun.tenant_id, id=begun.integration_id, provider=begun.provider)
        found = rows.first()
    if found is None:
        raise NotFoundError("The integration does not exist any more, or is of another provider by now.")
    return found


def _store(
    actor: Actor,
    begun: OAuthState,
    declared: OAuth2,
    integration: Integration | None,
    tokens: Tokens,
    missing: tuple[str, ...],
) -> Integration:
    """Store the tokens and what is known of them, in one transaction.

    Tokens with fewer scopes than asked for are kept: they do part of the work, and tests say whether it is enough.
    """
    values: dict[str, object] = {**tokens.facts, declared.access_token_field: tokens.access_token}
    if declared.refresh_token_field:
        values[declared.refresh_token_field] = tokens.refresh_token or None
    with work_of(begun.tenant_id):
        if integration is None:
            stored = add_integration(
                actor=actor,
                tenant=begun.tenant,
                provider=begun.provider,
                values={**begun.values, **values},
                owner=begun.owner,
            )
        else:
            stored = change_integration(actor=actor, integration=integration, values=values)
        written = {"lease_owner": None, "lease_until": None, **grant_after(stored, declared, tokens)}
        written["scope"] = tokens.scope  # what was granted before says nothing of these
        OAuthGrant.objects.update_or_create(
            integration=stored, defaults=written, create_defaults={**written, "tenant_id": stored.tenant_id}
        )
        if missing:
            record_activity(
                actor=actor,
                verb="integration.scopes_missing",
                target=stored,
                tenant_id=stored.tenant_id,
                detail=f"not granted: {', '.join(missing)}"[:500],
            )
    return stored


# --- Checks ---------------------------------------------------------------------------------------------------------


def _checked_return(target: str) -> str:
    """Return the path on this site that an address means; raises InvalidInputError for any other site's."""
    if not target:
        return ""
    site = urlsplit(settings.APP_URL)
    if len(target) > 1000 or not url_has_allowed_host_and_scheme(
        target, allowed_hosts={site.netloc}, require_https=site.scheme == "https"
    ):
        raise InvalidInputError(
            {"return_to": [f"Must be a path of this site, such as /admin/, or below {settings.APP_URL}."]}
        )
    parts = urlsplit(target)
    path = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    # Two slashes at the start would be another host.
    return f"/{path.lstrip('/')}" + (f"?{parts.query}" if parts.query else "")


def _public_values(provider: Provider, values: Mapping[str, object]) -> dict[str, str]:
    """Check the public fields of an integration that is to be made; the rest comes from connecting."""
    public = {field.name for field in provider.public_fields}
    problems = {name: reasons for name, reasons in provider.problems(values).items() if name in values}
    problems |= {
        name: ["Only public fields here: add the integration first, then connect it."]
        for name in values
        if name not in public and name not in problems
    }
    missing = {
        field.name: ["This field is required."]
        for field in provider.public_fields
        if field.required and not values.get(field.name)
    }
    if problems or missing:
        raise InvalidInputError({f"values.{name}": reasons for name, reasons in {**missing, **problems}.items()})
    return provider.cleaned(values)


def _opened(provider: Provider, config: Mapping[str, object]) -> Values:
    try:
        return Values.revealed(provider, config)
    except UnreadableSecretError as error:
        raise ConflictError(f"The stored {error.json_key or 'secret'} no longer opens: enter it again.") from None


def _required_app(provider: Provider, declared: OAuth2, values: Values) -> OAuthApp:
    app = app_of(provider, declared, values)
    if app is None:
        variable = f"SIGNALBOX_{provider.key}_CLIENT_ID".upper()
        bound = (
            f" The platform's is for its own {declared.free_address_field} alone."
            if declared.free_address_field
            else ""
        )
        raise ConflictError(
            f"There is no OAuth app of {provider.label}: enter client ID and client secret of your own, or let the operator "
            f"set {variable} and the secret beside it.{bound}"
        )
    return app


def _why_denied(provider: Provider, error: str) -> str:
    code = "".join(
        character for character in error if character.isascii() and (character.isalnum() or character in "_-")
    )
    if code == "access_denied":
        return f"{provider.label} was not connected: the request was declined there."
    named = f" It says {code[:50]}." if code else ""
    return f"{provider.label} was not connected: it sent no code.{named}"
