"""Zoho's accounts, which its products share: data centres and their hosts, the fields of OAuth2, access tokens.

https://www.zoho.com/accounts/protocol/oauth/multi-dc.html. A refresh token stays the same until it is revoked.
"""

from __future__ import annotations

from typing import Final

from integrations.providers.access_tokens import Meanings, ask_for_token
from integrations.providers.base import Field, FieldKind
from integrations.providers.client import ProviderClient
from integrations.providers.oauth_fields import previous_secret_field
from integrations.providers.outcome import Result
from integrations.providers.values import Values

DEFAULT_DATA_CENTRE: Final = "com"
DATA_CENTRES: Final = (
    ("com", "United States, zoho.com"),
    ("eu", "Europe, zoho.eu"),
    ("in", "India, zoho.in"),
    ("com.au", "Australia, zoho.com.au"),
    ("com.cn", "China, zoho.com.cn"),
    ("jp", "Japan, zoho.jp"),
    ("sa", "Saudi Arabia, zoho.sa"),
    ("ca", "Canada, zohocloud.ca"),
)
_CANADA: Final = "ca"
_VISIBLE: Final = r"[!-~]+"
_ALONE: Final = "Paste the value alone: no spaces and no letters outside ASCII."


def zoho_host(name: str, data_centre: str) -> str:
    """Return where a product (`accounts`, `desk`) answers in a data centre."""
    return f"{name}.zohocloud.ca" if data_centre == _CANADA else f"{name}.zoho.{data_centre}"


def headers_of(token: str) -> dict[str, str]:
    return {"Authorization": f"Zoho-oauthtoken {token}"}


def can_be_refreshed(values: Values) -> bool:
    return {"client_id", "client_secret", "refresh_token"} <= set(values)


def refreshed(client: ProviderClient, values: Values) -> str:
    """Return a new access token, which lives for an hour.

    Zoho gives ten of them for a refresh token within ten minutes, so tokens are to be kept and shared.
    """
    data_centre = values["data_centre"]
    wrong_client = (
        f"The client ID is unknown in the data centre {data_centre}, or the client secret is wrong: check the data centre, "
        "too."
    )
    meanings: Meanings = {
        "invalid_client": (Result.BAD_CREDENTIALS, wrong_client),
        "invalid_client_secret": (Result.BAD_CREDENTIALS, "The client secret is wrong."),
        "invalid_code": (
            Result.BAD_CREDENTIALS,
            "The refresh token was revoked, or is of another client or data centre: make a new one.",
        ),
        # Neither a code of OAuth2 nor a denial: too many tokens were asked for.
        "Access Denied": (Result.RATE_LIMITED, "It wants fewer requests for tokens."),
    }
    form = {
        "grant_type": "refresh_token",
        "client_id": values["client_id"],
        "client_secret": values["client_secret"],
        "refresh_token": values["refresh_token"],
    }
    return ask_for_token(client, f"https://{zoho_host('accounts', data_centre)}/oauth/v2/token", form, meanings)


def account_fields(*, client_variables: tuple[str, str] | tuple[()] = ()) -> tuple[Field, ...]:
    """Return the fields that every product of Zoho's has.

    `client_variables` are older names of the variables that hold the platform's own client ID and client secret.
    """
    return (
        Field(
            name="data_centre",
            label="Data centre",
            help="The end of the address at which you use Zoho: crm.zoho.eu is eu.",
            example="com.au",
            secret=False,
            kind=FieldKind.CHOICE,
            choices=DATA_CENTRES,
            default=DEFAULT_DATA_CENTRE,
        ),
        Field(
            name="client_id",
            label="Client ID",
            help="Of a client in the API console of this data centre.",
            example="1000.EXAMPLECLIENTIDFORDOCUMENTATION",
            secret=False,
            required_with=("client_secret",),
            pattern=r"1000\.[!-~]+",
            pattern_message="The client ID from the API console, which begins with 1000.",
            max_length=200,
            environment=client_variables[:1],
        ),
        Field(
            name="client_secret",
            label="Client secret",
            help="Beside the client ID.",
            example="exampleclientsecretfordocumentation0123456",
            required_without=("access_token",),
            pattern=_VISIBLE,
            pattern_message=_ALONE,
            max_length=200,
            environment=client_variables[1:],
        ),
        previous_secret_field(),
        Field(
            name="refresh_token",
            label="Refresh token",
            help="Access tokens are made with it. It works until it is revoked.",
            example="1000.0123456789abcdefexample.fedcba9876543210example",
            pattern=_VISIBLE,
            pattern_message=_ALONE,
            max_length=500,
        ),
        Field(
            name="access_token",
            label="Access token",
            section="Further settings",
            help="Ends after an hour, so it is for trying things out; a refresh token makes new ones.",
            example="1000.aaaaaaaaaaaaaaaaexample.bbbbbbbbbbbbbbbbexample",
            required_without=("client_secret",),
            pattern=_VISIBLE,
            pattern_message="Paste the token alone: no spaces, no “Zoho-oauthtoken”, no letters outside ASCII.",
            max_length=500,
        ),
    )
