"""What a provider declares for `Capability.OAUTH2`: where tokens are got, how, and into which fields they go.

RFC 6749 (the flows), RFC 7636 (proof keys), RFC 9700 (best practice). Pure declarations: no network, no database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, cast

from integrations.providers.base import Capability, Provider

if TYPE_CHECKING:
    from integrations.providers.answers import Answer
    from integrations.providers.outcome import ProviderError
    from integrations.providers.values import Values

Address = str | Callable[["Values"], str]
"""An address, or how it follows from fields such as a region, a subdomain or a sandbox."""
TokenBody = Mapping[str, object]
When = tuple[str, tuple[str, ...]]
"""A public field, and the values of it that are meant."""

# What is asked for by them shows in other ways than among the scopes that were granted, if at all.
_NO_RIGHTS: Final = frozenset({"offline_access", "refresh_token", "openid", "profile", "email", "oauth"})
_BETWEEN_SCOPES: Final = re.compile(r"[\s,]+")


class ClientAuthentication(StrEnum):
    """How the app proves itself at the token address (RFC 6749, section 2.3.1)."""

    BASIC = "basic"
    BODY = "body"


def _no_facts(body: TokenBody) -> Mapping[str, str]:
    return {}


def _no_account(body: TokenBody) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuth2:
    """How tokens of one provider are got and renewed.

    Raises ValueError when it is made from a contradictory declaration, so that a mistake stops the start.
    """

    token_url: Address
    authorize_url: Address = ""
    """Where a person agrees; "" where there are client credentials alone."""
    scopes: tuple[str, ...] = ()
    scope_field: str = ""
    """A public field whose words count instead of `scopes`."""
    scope_separator: str = " "
    pkce: bool | Callable[[Values], bool] = True
    """False only for a provider that refuses `code_challenge`."""
    client_authentication: ClientAuthentication | Callable[[Values], ClientAuthentication] = ClientAuthentication.BODY
    sends_json: bool = False
    """Whether the token address takes JSON instead of a form."""
    authorize_parameters: Mapping[str, str] = field(default_factory=dict)
    token_parameters: Mapping[str, str | int] = field(default_factory=dict)
    client_id_field: str = "client_id"
    client_secret_field: str = "client_secret"  # noqa: S105  (a name)
    previous_secret_field: str = "client_secret_previous"  # noqa: S105  (a name)
    """Tried where the provider does not accept the client secret (yet)."""
    free_address_field: str = ""
    """A public field by which a customer may name any host for the token address.

    The platform's own app is used at the platform's address alone: its secret would go to whatever host is named.
    """
    access_token_field: str = "access_token"  # noqa: S105  (a name)
    """A secret field; with client credentials alone it may be none of the provider's: then an edit drops the token."""
    refresh_token_field: str = "refresh_token"  # noqa: S105  (a name)
    """"" where there are none."""
    lifetime: timedelta | None = None
    """How long a token is taken to live when the answer does not say; None: for ever."""
    client_credentials: bool = False
    """Whether the app's own credentials get a token where there is no refresh token."""
    rotates: bool = False
    """Whether each use of a refresh token replaces it. A new one is stored whenever one comes."""
    ended_grants: frozenset[str] = frozenset({"invalid_grant"})
    """The error codes by which the provider says that a person has to agree anew."""
    explain: Callable[[Answer], ProviderError | None] | None = None
    """Reads what of the token address's errors RFC 6749 does not know."""
    facts: Callable[[TokenBody], Mapping[str, str]] = _no_facts
    """Public fields that the token answer tells, such as the host of the account's region."""
    account: Callable[[TokenBody], str] = _no_account
    """Who agreed, or for which account, in the token answer's words."""
    used_when: When | None = None
    """With which settings OAuth2 is used; None: always."""
    agreed_when: When | None = None
    """With which settings people agree, and with the others client credentials are used; None: the two are one setting."""

    def __post_init__(self) -> None:
        if not self.authorize_url and not self.client_credentials:
            raise ValueError("OAuth2 needs an address where people agree, or client credentials.")
        if self.rotates and not self.refresh_token_field:
            raise ValueError("OAuth2: a refresh token that rotates needs a field.")

    def token_url_of(self, values: Values) -> str:
        return self.token_url if isinstance(self.token_url, str) else self.token_url(values)

    def authorize_url_of(self, values: Values) -> str:
        return self.authorize_url if isinstance(self.authorize_url, str) else self.authorize_url(values)

    def scope_of(self, values: Values) -> str:
        own = values.get(self.scope_field, "") if self.scope_field else ""
        return own or self.scope_separator.join(self.scopes)

    def sends_proof_key(self, values: Values) -> bool:
        return self.pkce if isinstance(self.pkce, bool) else self.pkce(values)

    def client_authentication_of(self, values: Values) -> ClientAuthentication:
        how = self.client_authentication
        return how if isinstance(how, ClientAuthentication) else how(values)

    def is_used_by(self, values: Mapping[str, object]) -> bool:
        """Tell whether a configuration gets its tokens by OAuth2."""
        return self.used_when is None or values.get(self.used_when[0]) in self.used_when[1]

    def people_agree_to(self, values: Mapping[str, object]) -> bool:
        """Tell whether a configuration is connected by a person."""
        chosen = self.agreed_when is None or values.get(self.agreed_when[0]) in self.agreed_when[1]
        return bool(self.authorize_url) and chosen and self.is_used_by(values)

    def asks_by_itself(self, values: Mapping[str, object]) -> bool:
        """Tell whether the app's own credentials get tokens for a configuration."""
        return self.client_credentials and not (self.agreed_when and self.people_agree_to(values))

    def has_refresh_token(self, values: Mapping[str, object]) -> bool:
        """Tell whether a configuration holds a refresh token that is its own: not one of another kind of authentication."""
        is_meant = self.agreed_when is None or self.people_agree_to(values)
        return bool(self.refresh_token_field and values.get(self.refresh_token_field)) and is_meant

    def has_part_in(self, values: Mapping[str, object]) -> bool:
        """Tell whether a configuration holds tokens, or an app that gets them."""
        names = (self.access_token_field, self.refresh_token_field, self.client_secret_field)
        return any(name and values.get(name) for name in names)

    def takes_entered_tokens(self, values: Mapping[str, object]) -> bool:
        """Tell whether an access token may be a person's: where people agree, and where both are one setting."""
        return self.agreed_when is None or self.people_agree_to(values)

    def missing_scopes(self, values: Values, granted: str) -> tuple[str, ...]:
        """Return what was asked for and not granted. A provider that tells no scopes granted all (RFC 6749, section 5.1)."""
        had = {word.casefold() for word in _BETWEEN_SCOPES.split(granted)} - {""}
        asked = dict.fromkeys(filter(None, _BETWEEN_SCOPES.split(self.scope_of(values))))
        return tuple(word for word in asked if had and word.casefold() not in {*had, *_NO_RIGHTS})


def oauth2_of(provider: Provider) -> OAuth2 | None:
    """Return what a provider declares; None where it has no OAuth2."""
    if not provider.can(Capability.OAUTH2):
        return None
    return cast(OAuth2, provider.declaration("oauth2"))
